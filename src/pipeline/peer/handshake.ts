import { type Handshake, reservedBytes, supports } from '../../codec/handshake.ts'
import { PeerError } from '../../errors.ts'
import type { PeerContext } from './peer-context.ts'

type Hashes = Pick<PeerContext, 'infoHash' | 'infoHashV2'>

/**
 * Composes our handshake (BEP 3), with the extensions that we support. One that begins a connection under the v1 info-hash of a
 * hybrid torrent offers BitTorrent v2, and one that answers such an offer has the v2 info-hash (BEP 52).
 * @param theirs the handshake that it answers
 */
export function composeHandshake(context: PeerContext, theirs?: Handshake): Handshake {
  const { dht, infoHash, infoHashV2, peerId } = context
  const offersV2 = !theirs && infoHashV2 !== undefined && !isSame(infoHash, infoHashV2)
  const answer = theirs && speaksV2(theirs, context, true) ? infoHashV2 : theirs?.infoHash
  const reserved = reservedBytes(
    ...(['extended', 'fast'] as const),
    ...(dht ? (['dht'] as const) : []),
    ...(offersV2 ? (['v2'] as const) : []),
  )
  return { type: 'handshake', infoHash: answer ?? infoHash, peerId, reserved }
}

/**
 * Returns true if a connection is one of BitTorrent v2: peers then send each other hashes (BEP 52).
 * @param incoming true if the handshake begins the connection, so that it may be an offer
 */
function speaksV2({ infoHash, reserved }: Handshake, { infoHashV2 }: Hashes, incoming: boolean): boolean {
  if (infoHashV2 === undefined) return false
  return isSame(infoHash, infoHashV2) || (incoming && supports(reserved, 'v2'))
}

/**
 * Checks the torrent of a peer's handshake.
 * @returns true if the connection is one of BitTorrent v2
 * @throws PeerError ERR_HANDSHAKE if it is another torrent
 */
export function checkInfoHash(handshake: Handshake, context: Hashes, incoming: boolean): boolean {
  const known = [context.infoHash, context.infoHashV2]
  if (known.some(own => own && isSame(handshake.infoHash, own))) return speaksV2(handshake, context, incoming)
  const got = Buffer.from(handshake.infoHash).toString('hex')
  throw new PeerError('ERR_HANDSHAKE', `answered for another torrent, ${got}`)
}

/** Returns the context of connections that are dialled under the v2 info-hash: all else stays shared. */
export function underV2(context: PeerContext): PeerContext {
  return Object.create(context, { infoHash: { get: () => context.infoHashV2 ?? context.infoHash } })
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0
}
