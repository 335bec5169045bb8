import type { Message } from '../../codec/message.ts'
import type { Block, BlockWriter } from '../piece-buffer.ts'

/**
 * Blocks that came one after another and are written in their pieces: adjacent ones of a piece are one item. Each block counts
 * only while `writer` has its claim.
 */
export interface BlocksMessage {
  readonly type: 'blocks'
  readonly writer: BlockWriter
  readonly blocks: Block[]
}

/** The peer no longer has a piece (BEP 54): the decoded form of an extended message. */
export interface DontHaveMessage {
  readonly type: 'dontHave'
  readonly index: number
}

/** A message from a peer on its way through the stages. */
export type Incoming = Message | BlocksMessage | DontHaveMessage

/** Messages of the fast extension (BEP 6). */
const FAST_TYPES: ReadonlySet<string> = new Set(['haveAll', 'haveNone', 'reject', 'suggest', 'allowedFast'])

/** Returns true for a message that a peer sends only if the fast extension was agreed on (BEP 6). */
export function isFastMessage({ type }: Incoming): boolean {
  return FAST_TYPES.has(type)
}
