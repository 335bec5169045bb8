import { ByteRate } from '../peer/byte-rate.ts'
import type { Peer } from '../peer/peer.ts'
import { CHOKE_INTERVAL, rechoke } from './choker.ts'
import { uploadSlots } from './upload-slots.ts'

export interface UnchokerOptions {
  /** The connections that there are. */
  readonly peers: () => Iterable<Peer>
  /** Whether we have all that we want. */
  readonly seeding: () => boolean
  /** Bytes sent so far, to all. */
  readonly uploaded: () => number
  /** Bytes a second that we may send at most. @default no limit */
  readonly limit?: number | undefined
  readonly random: () => number
}

const MOST_EARLY = 20

/** Chokes and unchokes peers as the choker says: every ten seconds, and as soon as a slot is free and wanted. */
export class Unchoker {
  readonly #options: UnchokerOptions
  readonly #speed = new ByteRate()
  #next = 0
  /** Rounds out of turn since the last look: whoever changes its mind all the time is heard a few times only. */
  #early = 0
  #slots = uploadSlots({ rate: 0 })
  #optimistic: Peer | undefined
  #optimisticSince = 0
  /** Bytes that each had got when it was unchoked. */
  readonly #sentBefore = new WeakMap<Peer, number>()

  constructor(options: UnchokerOptions) {
    this.#options = options
  }

  /** Somebody wants something now, or nothing any more, or is gone. */
  changed(now: number): void {
    const { peers } = this.#options
    let unchoked = 0
    let idle = false
    let waiting = false
    for (const { peerInterested, responder, uploadOnly } of peers()) {
      if (!responder.amChoking) unchoked++
      if (!responder.amChoking && !peerInterested) idle = true
      if (responder.amChoking && peerInterested && !uploadOnly) waiting = true
    }
    if (waiting && (idle || unchoked < this.#slots) && this.#early++ < MOST_EARLY) this.#round(now)
  }

  /** To be called now and then. */
  tick(now: number): void {
    this.#speed.update(this.#options.uploaded(), now)
    this.#early = 0
    if (now < this.#next) return
    this.#next = now + CHOKE_INTERVAL
    this.#slots = uploadSlots({ limit: this.#options.limit, rate: this.#speed.rate, slots: this.#slots })
    this.#round(now)
  }

  #round(now: number): void {
    const { peers, random, seeding } = this.#options
    const ready = [...peers()].filter(peer => peer.ready)
    const { unchoke, optimistic, optimisticSince } = rechoke({
      peers: ready.map(peer => this.#factsOf(peer)),
      seeding: seeding(),
      slots: this.#slots,
      now,
      optimistic: this.#optimistic,
      optimisticSince: this.#optimisticSince,
      random,
    })
    this.#optimistic = optimistic
    this.#optimisticSince = optimisticSince
    for (const peer of ready) {
      if (unchoke.has(peer) && peer.responder.amChoking) this.#sentBefore.set(peer, peer.responder.uploaded)
      peer.unchoke(unchoke.has(peer))
    }
  }

  #factsOf(peer: Peer) {
    const { requester, responder } = peer
    return {
      id: peer,
      interested: peer.peerInterested,
      uploadOnly: peer.uploadOnly,
      downRate: peer.down.rate,
      upRate: peer.up.rate,
      snubbed: requester.snubbed,
      unchoked: !responder.amChoking,
      unchokedAt: peer.unchokedAt,
      connectedAt: peer.readyAt,
      sentSince: responder.uploaded - (this.#sentBefore.get(peer) ?? 0),
    }
  }
}
