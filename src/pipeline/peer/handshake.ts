import { type Handshake, reservedBytes } from '../../codec/handshake.ts'
import { PeerError } from '../../errors.ts'
import type { PeerContext } from './peer-context.ts'

/** Composes our handshake (BEP 3), with the extensions that we support. */
export function composeHandshake({ dht, infoHash, peerId }: PeerContext): Handshake {
  const reserved = reservedBytes('extended', 'fast', ...(dht() ? ['dht' as const] : []))
  return { type: 'handshake', infoHash, peerId, reserved }
}

/** Returns true if the info-hash of a handshake is that of BitTorrent v2: peers then send each other hashes (BEP 52). */
export function isV2({ infoHash }: Handshake, { infoHashV2 }: PeerContext): boolean {
  return infoHashV2 !== undefined && Buffer.compare(infoHash, infoHashV2) === 0
}

/** Checks the torrent of a peer's handshake. @throws PeerError ERR_HANDSHAKE if it is another torrent */
export function checkInfoHash({ infoHash }: Handshake, context: PeerContext): void {
  if (Buffer.compare(infoHash, context.infoHash) === 0) return
  const got = Buffer.from(infoHash).toString('hex')
  throw new PeerError('ERR_HANDSHAKE', `answered for another torrent, ${got}`)
}
