import { type Handshake, reservedBytes } from '../../codec/handshake.ts'
import { PeerError } from '../../errors.ts'
import type { PeerContext } from './peer-context.ts'

/** Composes our handshake (BEP 3), with the extensions that we support. */
export function composeHandshake({ dht, infoHash, peerId }: PeerContext): Handshake {
  const reserved = reservedBytes('extended', 'fast', ...(dht() ? ['dht' as const] : []))
  return { type: 'handshake', infoHash, peerId, reserved }
}

/** Checks the torrent of a peer's handshake. @throws PeerError ERR_HANDSHAKE if it is another torrent */
export function checkInfoHash({ infoHash }: Handshake, context: PeerContext): void {
  if (Buffer.compare(infoHash, context.infoHash) === 0) return
  const got = Buffer.from(infoHash).toString('hex')
  throw new PeerError('ERR_HANDSHAKE', `answered for another torrent, ${got}`)
}
