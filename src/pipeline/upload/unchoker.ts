import type { ByteLimit } from '../../streams/byte-limit.ts'
import { ByteRate } from '../peer/byte-rate.ts'
import type { Peer } from '../peer/peer.ts'
import type { PeerTotals } from '../peer/peer-totals.ts'
import { CHOKE_INTERVAL_MS, rechoke } from './choker.ts'
import { type UploadRound, uploadSlots } from './upload-slots.ts'

/** Options of `Unchoker`. */
export interface UnchokerOptions {
  /** The connections, and the bytes sent so far to all peers. */
  readonly totals: Pick<PeerTotals<Peer>, 'peers' | 'uploaded'>
  /** The torrent, once its metadata is known. */
  readonly context: { readonly torrent: { readonly isUploadOnly: boolean } | undefined }
  /** Upload limit, its rate in bytes per second now. A number is the torrent's own limit. @default no limit */
  readonly limit?: number | Pick<ByteLimit, 'rate'> | undefined
  readonly random: () => number
}

/** Early rounds between two ticks. */
const MAX_EARLY_ROUNDS = 20

/** Chokes and unchokes peers as `rechoke` decides: every ten seconds, and as soon as a slot is free and wanted. */
export class Unchoker {
  readonly #options: UnchokerOptions
  readonly #speed = new ByteRate()
  #nextRoundAt = 0
  /** Early rounds since the last tick, limited because a peer may change its interest all the time. */
  #earlyRounds = 0
  #slots: number
  #optimistic: Peer | undefined
  #optimisticSince = 0
  /** Bytes sent to each peer before it was unchoked. */
  readonly #sentBefore = new WeakMap<Peer, number>()

  constructor(options: UnchokerOptions) {
    this.#options = options
    this.#slots = uploadSlots({ ...this.#limit, rate: 0 })
  }

  /** The interest of a peer has changed, or a peer has left. */
  onInterestChange(now: number): void {
    const { peers } = this.#options.totals
    let unchoked = 0
    let idle = false
    let waiting = false
    for (const { peerInterested, responder, uploadOnly } of peers) {
      if (!responder.amChoking) unchoked++
      if (!responder.amChoking && !peerInterested) idle = true
      if (responder.amChoking && peerInterested && !uploadOnly) waiting = true
    }
    if (waiting && (idle || unchoked < this.#slots) && this.#earlyRounds++ < MAX_EARLY_ROUNDS)
      this.#round(now)
  }

  /** Starts a round when it is due. Called several times a second. */
  tick(now: number): void {
    this.#speed.update(this.#options.totals.uploaded, now)
    this.#earlyRounds = 0
    if (now < this.#nextRoundAt) return
    this.#nextRoundAt = now + CHOKE_INTERVAL_MS
    this.#slots = uploadSlots({ ...this.#limit, rate: this.#speed.rate, slots: this.#slots })
    this.#round(now)
  }

  get #limit(): Pick<UploadRound, 'limit' | 'isLimitShared'> {
    const { limit } = this.#options
    return typeof limit === 'object' ? { limit: limit.rate, isLimitShared: true } : { limit }
  }

  #round(now: number): void {
    const { context, random, totals } = this.#options
    const ready = [...totals.peers].filter(peer => peer.ready)
    const { unchoke, optimistic, optimisticSince } = rechoke({
      peers: ready.map(peer => this.#factsOf(peer)),
      seeding: context.torrent?.isUploadOnly ?? false,
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
