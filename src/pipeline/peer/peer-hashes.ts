import { EventEmitter } from 'node:events'
import { countProofs, type HashRange, NODE_LENGTH, RANGE_BYTES, rangeKey } from '../../codec/hash-range.ts'
import type { HashesMessage, Message } from '../../codec/message.ts'
import type { MessageTarget } from './message-target.ts'

/** Requests for hashes that wait for one peer, as libtorrent sends them. */
const MAX_WAITING_REQUESTS = 2

/** Hashes, or the rejection of a request for them. */
export type HashAnswer = HashesMessage | (Message & { readonly type: 'hashReject' })

export interface PeerHashesEvents {
  /** The peer answered a request. */
  answer: [answer: HashAnswer]
}

/** Our requests for hashes to one peer (BEP 52). Each gets one answer; a message that is none of them is dropped. */
export class PeerHashes extends EventEmitter<PeerHashesEvents> {
  /** True if the peer speaks BitTorrent v2 over this connection. libtorrent closes others on a request for hashes. */
  isSupported = false
  /** The handlers of the answers. */
  readonly handlers = {
    hashes: (answer: HashAnswer): undefined => this.#take(answer),
    hashReject: (answer: HashAnswer): undefined => this.#take(answer),
  }
  readonly #peer: MessageTarget
  /** Requests without an answer: their longest valid answers in bytes, with the id. */
  readonly #waiting = new Map<string, number>()

  constructor(peer: MessageTarget) {
    super()
    this.#peer = peer
  }

  /** True if the peer may be asked now. */
  get canAsk(): boolean {
    return this.isSupported && this.#waiting.size < MAX_WAITING_REQUESTS
  }

  /** Bytes of the longest answer that may come, with its id; 0 if there is no request. */
  get maxAnswerBytes(): number {
    return Math.max(0, ...this.#waiting.values())
  }

  /** Sends a request. */
  request(range: HashRange): void {
    const bytes = 1 + RANGE_BYTES + (range.length + countProofs(range)) * NODE_LENGTH
    this.#waiting.set(rangeKey(range), bytes)
    this.#peer.send({ type: 'hashRequest', ...range })
  }

  /** Takes a message of the peer. It is dropped if it answers no request. */
  #take(answer: HashAnswer): undefined {
    if (this.#waiting.delete(rangeKey(answer))) this.emit('answer', answer)
  }
}
