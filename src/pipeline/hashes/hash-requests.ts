import { EventEmitter } from 'node:events'
import { nodeAbove } from '../../codec/hash-proof.ts'
import { type HashRange, NODE_LENGTH, rangeKey } from '../../codec/hash-range.ts'

/** A peer that may have hashes. */
export interface HashPeer {
  readonly hashes: {
    /** True if the peer may be asked for another range now. */
    readonly canAsk: boolean
    request(range: HashRange): void
  }
}

export interface HashRequestsEvents<Peer> {
  /** A peer sent hashes that do not belong to the tree. */
  wrong: [peer: Peer]
}

/** A request for hashes, and its options. */
export interface HashQuestion<Peer> {
  readonly range: HashRange
  /** The node above the range and its proofs, 32 bytes: the root, or a node that is known already. */
  readonly expected: Uint8Array
  /** Returns true for a peer that can know the hashes. @default all */
  readonly mayAsk?: (peer: Peer) => boolean
  /** Time of the clock after which the answer is of no use any more. @default never */
  readonly deadline?: number
  /** True to give up at once when no connected peer can answer. @default false: a later peer may */
  readonly needsPeer?: boolean
  /** Milliseconds until a peer that rejected it may get it again. @default 30 s */
  readonly restMs?: number
}

/** Milliseconds after which another peer is asked if one is free. A later answer is used, too. */
const SLOW_ANSWER_MS = 2_000
/** Milliseconds after which a peer rests if no other one is free. The only peer is asked again then. */
const ANSWER_TIMEOUT_MS = 10_000
/** Milliseconds until a peer that rejected a request, or did not answer in time, may get it again. */
const REJECTED_REST_MS = 30_000

interface Asked<Peer> extends Omit<HashQuestion<Peer>, 'needsPeer'> {
  needsPeer: boolean | undefined
  readonly promise: Promise<Buffer | undefined>
  readonly settle: (hashes: Buffer | undefined) => void
  /** The peer that is asked, and since when. */
  peer: Peer | undefined
  since: number
  /** Peers that rest for this question, and until when. */
  readonly resting: Map<Peer, number>
  /** Peers that have the request and have not answered it. They may get it again, also if they can take no other one. */
  readonly unanswered: Set<Peer>
}

/**
 * Asks peers for hashes of Merkle trees (BEP 52), one peer at a time for each question, and verifies each answer by the
 * proofs in it. A peer that rejects or is silent rests for the question, and another one is asked. One that sends wrong
 * hashes is never asked again: the owner disconnects it.
 */
export class HashRequests<Peer extends HashPeer> extends EventEmitter<HashRequestsEvents<Peer>> {
  readonly #peers = new Set<Peer>()
  readonly #questions = new Map<string, Asked<Peer>>()
  readonly #now: () => number
  #hasEnded = false

  /** @param now milliseconds of a monotonic clock */
  constructor(now: () => number) {
    super()
    this.#now = now
  }

  /** True if a connected peer can be asked at all. */
  get hasPeers(): boolean {
    return this.#peers.size > 0
  }

  /** Asks a connected peer from now on. */
  addPeer(peer: Peer): void {
    this.#peers.add(peer)
    this.ask()
  }

  /** Requests from other peers the hashes that were requested from this one. */
  removePeer(peer: Peer): void {
    this.#peers.delete(peer)
    for (const question of this.#questions.values()) {
      question.resting.delete(peer)
      question.unanswered.delete(peer)
      if (question.peer === peer) question.peer = undefined
    }
    this.ask()
  }

  /**
   * Resolves with the hashes of a range without its proofs, once a peer has sent them; with undefined at the deadline, or
   * after `end`. A pending range is not requested twice.
   */
  fetch(question: HashQuestion<Peer>): Promise<Buffer | undefined> {
    const key = rangeKey(question.range)
    const known = this.#questions.get(key)
    if (known) {
      known.needsPeer ||= question.needsPeer
      this.ask()
      return known.promise
    }
    if (this.#hasEnded) return Promise.resolve(undefined)
    const { promise, resolve } = withResolvers<Buffer | undefined>()
    const settle = (hashes: Buffer | undefined) => {
      this.#questions.delete(key)
      resolve(hashes)
    }
    this.#questions.set(key, {
      ...question,
      ...{ needsPeer: question.needsPeer, promise, settle, peer: undefined, since: 0 },
      ...{ resting: new Map(), unanswered: new Set() },
    })
    this.ask()
    return promise
  }

  /** Takes the answer of a peer to a request. @param hashes undefined for a reject */
  onAnswer(peer: Peer, range: HashRange, hashes: Uint8Array | undefined): void {
    const question = this.#questions.get(rangeKey(range))
    if (question) {
      question.unanswered.delete(peer)
      if (question.peer === peer) question.peer = undefined
      if (!hashes) question.resting.set(peer, this.#now() + (question.restMs ?? REJECTED_REST_MS))
      else if (nodeAbove(range, hashes).equals(question.expected)) {
        question.settle(Buffer.from(hashes.subarray(0, range.length * NODE_LENGTH)))
      } else {
        this.removePeer(peer)
        this.emit('wrong', peer)
      }
    }
    this.ask()
  }

  /** Gives up late questions, and asks other peers for late answers. Called several times a second. */
  tick(now: number): void {
    for (const question of this.#questions.values()) {
      const { deadline = Number.POSITIVE_INFINITY, peer, since, resting } = question
      const waited = now - since
      if (now >= deadline) question.settle(undefined)
      else if (peer && waited >= SLOW_ANSWER_MS) {
        if (waited < ANSWER_TIMEOUT_MS && !this.#choosePeer(this.#listFree(peer), question)) continue
        // without another peer, the request may have been lost
        if (this.#peers.size > 1) resting.set(peer, now + REJECTED_REST_MS)
        question.peer = undefined
      }
    }
    this.ask()
  }

  /** Gives up all questions. */
  end(): void {
    this.#hasEnded = true
    for (const question of [...this.#questions.values()]) question.settle(undefined)
  }

  /** Sends the requests that peers can take now: also called when a peer has more pieces. */
  ask(): void {
    if (this.#questions.size === 0) return
    const free = new Set(this.#listFree())
    for (const question of this.#questions.values()) {
      if (question.peer) continue
      if (question.needsPeer && !this.#choosePeer(this.#peers, question)) {
        question.settle(undefined)
        continue
      }
      const peer = this.#choosePeer(free, question) ?? this.#choosePeer(question.unanswered, question)
      if (!peer) continue
      question.peer = peer
      question.unanswered.add(peer)
      question.since = this.#now()
      peer.hashes.request(question.range)
      // the peer is last in turn from now on
      this.#peers.delete(peer)
      this.#peers.add(peer)
      free.delete(peer)
      if (peer.hashes.canAsk) free.add(peer)
    }
  }

  /** Lists the peers that can be asked now. */
  #listFree(except?: Peer): Peer[] {
    return [...this.#peers].filter(peer => peer !== except && peer.hashes.canAsk)
  }

  #choosePeer(free: Iterable<Peer>, { mayAsk, resting }: Asked<Peer>): Peer | undefined {
    for (const peer of free) {
      if ((resting.get(peer) ?? 0) > this.#now()) continue
      if (mayAsk?.(peer) ?? true) return peer
    }
    return undefined
  }
}

/** `Promise.withResolvers`, which Node 20 does not have. */
function withResolvers<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {}
  const promise = new Promise<T>(done => {
    resolve = done
  })
  return { promise, resolve }
}
