import { formatAddress, type PeerAddress } from '../../codec/compact.ts'
import { messageOf, PeerError } from '../../errors.ts'

/** Returns an error of one connection as an error that names the peer. */
export function nameError(error: Error, address: PeerAddress): PeerError {
  const name = formatAddress(address)
  if (error instanceof PeerError && error.message.startsWith(name)) return error
  const code = error instanceof PeerError ? error.code : 'ERR_CONNECTION'
  return new PeerError(code, `${name}: ${messageOf(error)}`, error)
}
