import type { Message } from '../../codec/message.ts'

/**
 * An item for a peer: one message; a batch of messages, so that hundreds of requests are one item; or bytes of encoded
 * messages.
 */
export type Outgoing = Message | readonly Message[] | Uint8Array

/** Returns the weight of an item in the output of a responder, in bytes. */
export function queuedBytes(item: Outgoing): number {
  if (item instanceof Uint8Array) return item.length
  return 64 + ('hashes' in item ? item.hashes.length : 0)
}
