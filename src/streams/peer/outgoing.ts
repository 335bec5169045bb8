import type { Message } from '../../codec/message.ts'

/**
 * An item for a peer: one message; a batch of messages, so that hundreds of requests are one item; or bytes of encoded
 * messages.
 */
export type Outgoing = Message | readonly Message[] | Uint8Array
