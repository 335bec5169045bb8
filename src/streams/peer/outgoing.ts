import type { Message } from '../../codec/message.ts'

/**
 * What goes out to a peer: one message; several that belong together, so that a batch of requests is one item
 * on its way and not hundreds; or bytes that are whole messages already.
 */
export type Outgoing = Message | readonly Message[] | Uint8Array
