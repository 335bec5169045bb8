import { allowedFastSet } from '../../codec/allowed-fast.ts'
import type { Message } from '../../codec/message.ts'
import type { PeerTorrent } from './peer-context.ts'

/** Pieces that a peer may request while it is choked (BEP 6). */
const ALLOWED_FAST_PIECES = 5

export interface FirstMessagesOptions {
  /** 20 bytes. */
  readonly infoHash: Uint8Array
  /** The torrent, once its metadata is known. */
  readonly torrent: PeerTorrent | undefined
  /** True if both sides support the fast extension (BEP 6). */
  readonly fast: boolean
  /** The IP address of the peer. */
  readonly host: string
}

/** The messages after a handshake: the pieces that we have, and those that the peer may request while it is choked. */
export interface FirstMessages {
  readonly messages: readonly Message[]
  /** The pieces that may be requested while choked. */
  readonly allowedFast: readonly number[]
}

/** Composes the first messages of a connection (BEP 3, 6). */
export function composeFirstMessages({ infoHash, torrent, fast, host }: FirstMessagesOptions): FirstMessages {
  if (!torrent) return { messages: fast ? [{ type: 'haveNone' }] : [], allowedFast: [] }
  const { pieceCount, upload } = torrent
  const { announcedPieces } = upload
  const messages: Message[] = []
  if (fast && announcedPieces.full) messages.push({ type: 'haveAll' })
  else if (announcedPieces.count > 0)
    messages.push({ type: 'bitfield', bytes: Uint8Array.from(announcedPieces.bytes) })
  else if (fast) messages.push({ type: 'haveNone' })
  if (!fast) return { messages, allowedFast: [] }
  const set = allowedFastSet({ address: host, infoHash, pieceCount, count: ALLOWED_FAST_PIECES })
  const allowedFast = set.filter(index => announcedPieces.has(index))
  for (const index of allowedFast) messages.push({ type: 'allowedFast', index })
  return { messages, allowedFast }
}
