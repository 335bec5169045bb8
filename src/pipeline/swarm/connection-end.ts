import { messageOf, PeerError } from '../../errors.ts'
import { systemCode } from '../../ports/file-system.ts'

/** Returns true if a connection failed because the process or the machine has no file descriptor left. */
export function lacksDescriptor(error: Error | undefined): boolean {
  const code = systemCode(error?.cause)
  return code === 'EMFILE' || code === 'ENFILE'
}

/**
 * Returns true if a peer that we dialled closed the connection without a byte, so that the other way, encrypted or plain, may
 * work. A peer that sends something else does not speak BitTorrent.
 */
export function mayTryOtherWay(
  {
    encrypted,
    incoming,
    isSilent,
  }: { readonly encrypted: boolean; readonly incoming: boolean; readonly isSilent: boolean },
  error: Error | undefined,
): boolean {
  if (incoming || !isSilent) return false
  return encrypted || !(error instanceof PeerError) || error.code !== 'ERR_HANDSHAKE'
}

/** Returns why a connection ended, as text. */
export function describeDisconnect(error: Error | undefined, closed: boolean, paused: boolean): string {
  if (error) return messageOf(error)
  if (closed) return 'the torrent was closed'
  return paused ? 'the torrent was paused' : 'closed by the peer'
}
