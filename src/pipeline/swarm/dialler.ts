import type { AddressRanges } from '../../codec/address-ranges.ts'
import { underV2 } from '../peer/handshake.ts'
import { Peer } from '../peer/peer.ts'
import type { PeerContext } from '../peer/peer-context.ts'
import type { Blocklist } from './blocklist.ts'
import { type Candidate, Candidates } from './candidates.ts'
import { lacksDescriptor, mayTryOtherWay } from './connection-end.ts'
import type { ConnectionSlots } from './connection-slots.ts'
import { describeEnd } from './peer-reports.ts'
import type { Reputation } from './reputation.ts'

/** Milliseconds until our own address is dialled again, which may belong to another peer by then. */
const OWN_ADDRESS_REST_MS = 86_400_000

/** Options of `Dialler`. */
export interface DiallerOptions {
  readonly context: PeerContext
  readonly reputation: Reputation
  readonly blocklist?: Blocklist | undefined
  readonly slots: ConnectionSlots<Peer>
}

/** Dials the candidates of one swarm, and notes how their connections end. */
export class Dialler {
  readonly candidates = new Candidates()
  readonly #context: PeerContext
  readonly #reputation: Reputation
  readonly #blocklist: Blocklist | undefined
  /** The ranges for which `findBlocked` has returned the connected peers. */
  #appliedRanges: AddressRanges | undefined
  readonly #slots: ConnectionSlots<Peer>

  constructor({ blocklist, context, reputation, slots }: DiallerOptions) {
    this.#context = context
    this.#blocklist = blocklist
    this.#reputation = reputation
    this.#slots = slots
  }

  /** Takes the candidate that is to be dialled next, if one is due. */
  takeNext(): Candidate | undefined {
    return this.candidates.takeNext(this.#context.clock.now(), {
      mayDial: candidate => this.#mayDial(candidate),
      seeding: this.#context.torrent?.isUploadOnly ?? false,
    })
  }

  /** Begins a connection to a candidate. */
  dial(candidate: Candidate): Peer {
    const { encryption } = this.#context
    const encrypted = encryption === 'require' || (encryption === 'prefer' && candidate.encrypted)
    const context = candidate.isV2 ? underV2(this.#context) : this.#context
    return new Peer(candidate.address, context, encrypted)
  }

  /** Returns true if a candidate has to be dialled again at once, the other way: encrypted, or plain. */
  switchEncryption(candidate: Candidate, peer: Peer, error: Error | undefined): boolean {
    if (this.#context.encryption !== 'prefer' || !mayTryOtherWay(peer, error)) return false
    return this.candidates.switchEncryption(candidate)
  }

  /** Notes how a connection ended. @param isOurEnd true if the torrent ended or paused it */
  noteEnd(candidate: Candidate, peer: Peer, error: Error | undefined, isOurEnd: boolean): void {
    const now = this.#context.clock.now()
    if (peer.ready) candidate.seed = peer.uploadOnly
    // of two info-hashes the peer may know the other one
    else candidate.isV2 = !candidate.isV2
    // a lack of descriptors is no fault of the peer
    const wasUseful =
      isOurEnd || lacksDescriptor(error) || peer.requester.downloaded + peer.responder.uploaded > 0
    this.candidates.onClose(candidate, now, wasUseful, isOurEnd ? undefined : describeEnd(error, peer))
    if (peer.isOurselves) this.candidates.rest(candidate, now, OWN_ADDRESS_REST_MS)
  }

  /** Leaves a candidate alone for this many milliseconds. */
  rest(candidate: Candidate, restMs: number): void {
    this.candidates.rest(candidate, this.#context.clock.now(), restMs)
  }

  /** Returns true if an address is banned or blocked. */
  isRefused(host: string): boolean {
    return this.#reputation.findBanReason(host) !== undefined || (this.#blocklist?.ranges?.has(host) ?? false)
  }

  /** Returns the peers at addresses of a new blocklist, once. A peer in the options is not among them. */
  findBlocked(peers: ReadonlyMap<Peer, Candidate | undefined>): Peer[] {
    const ranges = this.#blocklist?.ranges
    if (ranges === this.#appliedRanges) return []
    this.#appliedRanges = ranges
    return [...peers]
      .filter(([peer, candidate]) => candidate?.source !== 'option' && ranges?.has(peer.address.host))
      .map(([peer]) => peer)
  }

  /** Returns true if an address may be dialled. An address in the options always may. */
  #mayDial({ address, source }: Candidate): boolean {
    if (source === 'option') return true
    return !this.#slots.isCrowded(address.host) && !this.isRefused(address.host)
  }
}
