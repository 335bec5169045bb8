import type { Outgoing } from '../../streams/peer/outgoing.ts'

/** A peer, for the parts of it that send messages. */
export interface MessageTarget {
  /** Queues a message or a batch of messages. @returns true if there is room for more */
  send(message: Outgoing): boolean
}
