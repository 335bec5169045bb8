import { EventEmitter } from 'node:events'
import { addressKey } from '../codec/address-key.ts'
import { formatAddress, type PeerAddress } from '../codec/compact.ts'
import { PeerError } from '../errors.ts'
import { type Candidate, Candidates } from './candidates.ts'
import type { Accepted } from './listener.ts'
import { type MetadataContext, MetadataPeer } from './metadata-peer.ts'
import { MetadataPicker, type MetadataPickerOptions } from './metadata-picker.ts'
import { nameError } from './name-error.ts'
import { describeEnd, NOT_ANSWERED_YET, NOT_DIALLED_YET, type PeerReport, summarize } from './peer-reports.ts'
import { Reputation } from './reputation.ts'
import { quotaOf } from './slots.ts'

export interface MetadataSwarmEvents {
  /** A peer offers metadata, or is gone; or a piece came. */
  progress: []
  /** The metadata, and it is right. */
  complete: [info: Buffer]
  /** A peer did what it must not, or could not be reached. */
  warning: [error: PeerError]
}

export interface MetadataSwarmOptions extends MetadataPickerOptions {
  readonly context: MetadataContext
  /** Connections at most. @default 30 */
  readonly maxPeers?: number
}

/** Somebody who was asked. */
interface Met {
  readonly candidate: Candidate | undefined
  readonly peer: MetadataPeer
}

/** Milliseconds until an address is dialled again whose peer gave wrong metadata. */
const WRONG_REST = 3_600_000
/** Milliseconds until our own address is dialled again: it may be another's by then. */
const OWN_REST = 86_400_000
const NO_METADATA = 'had no metadata to give'
const WRONG_METADATA = 'gave wrong metadata'
/** Addresses of which it is remembered how it went. */
const MAX_REMEMBERED = 4096

/** The connections of a torrent whose metadata is still to come: asks several peers at once, believes none. */
export class MetadataSwarm extends EventEmitter<MetadataSwarmEvents> {
  readonly candidates = new Candidates()
  readonly #options: MetadataSwarmOptions
  readonly #picker: MetadataPicker<MetadataPeer>
  readonly #peers = new Map<MetadataPeer, Met>()
  /** Where those listen that offered metadata, in that order, and who named them. */
  readonly #donors = new Map<string, Candidate>()
  /** What came of each that is gone, by address. */
  readonly #outcomes = new Map<string, PeerReport>()
  readonly #reputation: Reputation
  #closed = false

  constructor(options: MetadataSwarmOptions) {
    super()
    this.#options = options
    this.#reputation = new Reputation(() => options.context.clock.now())
    this.#picker = new MetadataPicker(options)
  }

  /** How many offer metadata now. */
  get offering(): number {
    let count = 0
    for (const peer of this.#peers.keys()) if (peer.ready) count++
    return count
  }

  /** How many are connected or being dialled. */
  get size(): number {
    return this.#peers.size
  }

  /** Pieces of metadata that are there, and all. */
  get progress(): { readonly have: number; readonly of: number } {
    return this.#picker.progress
  }

  /** Whom to go to for the torrent itself: those first that gave metadata. */
  get donors(): readonly Candidate[] {
    return [...this.#donors.values()]
  }

  /** How it went with those that were asked, in words. */
  get outcome(): string {
    const reports = new Map(this.#outcomes)
    for (const peer of this.#peers.keys()) {
      const name = nameOf(peer)
      const { address, ready } = peer
      if (ready) reports.set(name, { address, what: 'has not given all of it yet' })
      else if (!reports.has(name)) reports.set(name, { address, what: NOT_ANSWERED_YET })
    }
    for (const [address] of this.candidates.idlers()) {
      const name = formatAddress(address)
      if (!reports.has(name)) reports.set(name, { address, what: NOT_DIALLED_YET })
    }
    return summarize(reports.values(), 'gave it')
  }

  /** Addresses at which peers may be. */
  add(addresses: Iterable<PeerAddress>, source: string): void {
    for (const address of addresses) this.candidates.add(address, source, { now: this.#now })
    this.#dial()
  }

  /** Takes a connection that came to us, if there is room. */
  accept(accepted: Accepted): void {
    const { encryption } = this.#options.context
    const unwanted = encryption === 'require' ? !accepted.ciphers : encryption === 'off' && accepted.ciphers
    const banned = this.#reputation.whyBanned(accepted.socket.remoteAddress ?? '') !== undefined
    if (this.#closed || unwanted || banned || !this.#admits(accepted.socket.remoteAddress ?? ''))
      accepted.socket.destroy()
    else this.#follow(new MetadataPeer(accepted, this.#options.context), undefined)
  }

  /** Looks at what is late. To be called now and then. */
  tick(now: number): void {
    for (const peer of [...this.#peers.keys()]) peer.tick(now, this.#picker.owesSince(peer))
    this.#askAll()
    this.#dial()
  }

  /** Ends every connection now. */
  close(): void {
    this.#closed = true
    for (const peer of [...this.#peers.keys()]) peer.destroy()
  }

  /** Says goodbye; resolves once the others have ended as well, so that they do not take us for two when we come again. */
  async end(): Promise<void> {
    this.#closed = true
    const ends = [...this.#peers.keys()].map(peer => {
      const gone = new Promise(resolve => peer.once('close', resolve))
      peer.end()
      return peer.ready ? gone : undefined
    })
    await Promise.all(ends)
  }

  get #maxPeers(): number {
    return this.#options.maxPeers ?? 30
  }

  get #full(): boolean {
    return this.#peers.size >= this.#maxPeers
  }

  /** Whether there is room for a connection from this address: half of all are for dialling. */
  #admits(host: string): boolean {
    let incoming = 0
    let same = 0
    for (const peer of this.#peers.keys()) {
      if (peer.incoming) incoming++
      if (addressKey(peer.address.host) === addressKey(host)) same++
    }
    return !this.#full && incoming < Math.ceil(this.#maxPeers / 2) && same < quotaOf(host)
  }

  #dial(): void {
    while (!this.#closed && !this.#full) {
      const candidate = this.candidates.next(this.#now)
      if (!candidate) return
      this.#connect(candidate)
    }
  }

  get #now(): number {
    return this.#options.context.clock.now()
  }

  #connect(candidate: Candidate): void {
    const { context } = this.#options
    const { encryption } = context
    const encrypted = encryption === 'require' || (encryption === 'prefer' && candidate.encrypted)
    this.#follow(new MetadataPeer(candidate.address, context, encrypted), candidate)
  }

  #follow(peer: MetadataPeer, candidate: Candidate | undefined): void {
    this.#peers.set(peer, { peer, candidate })
    peer.on('listens', port => {
      if (this.#peers.get(peer)?.candidate) return
      const { host } = peer.address
      this.#peers.set(peer, {
        peer,
        candidate: this.candidates.claim({ host, port }, 'incoming', { now: this.#now }),
      })
    })
    peer.on('offer', size => {
      if (!this.#picker.offer(peer, size)) {
        this.#blame(peer, `offers metadata of ${size} bytes, at most ${this.#options.maxSize} are read`)
        return
      }
      const donor = this.#peers.get(peer)?.candidate
      if (donor) this.candidates.understood(donor)
      if (donor && this.#donors.size < 200) this.#donors.set(formatAddress(donor.address), donor)
      this.emit('progress')
      this.#askAll()
    })
    peer.on('reject', () => {
      this.#picker.rejected(peer, this.#now)
      this.#askAll()
    })
    peer.on('piece', (piece, data) => this.#received(peer, piece, data))
    peer.on('close', error => this.#gone(peer, error))
  }

  #received(peer: MetadataPeer, piece: number, data: Uint8Array): void {
    const wrong = this.#picker.received(peer, piece, data)
    if (wrong !== undefined) this.#blame(peer, wrong)
    this.emit('progress')
    const { info } = this.#picker
    if (info && !this.#closed) {
      this.#closed = true
      this.emit('complete', info)
    } else this.#askAll()
  }

  #askAll(): void {
    if (this.#closed) return
    for (const peer of this.#peers.keys()) {
      const pieces = this.#picker.next(peer, this.#now)
      if (pieces.length > 0) peer.ask(pieces)
    }
  }

  /** Disconnects a peer that gave wrong metadata. The second time, its address may open no new connection for an hour. */
  #blame(peer: MetadataPeer, what: string): void {
    const candidate = this.#peers.get(peer)?.candidate
    if (candidate) {
      this.candidates.rest(candidate, this.#now, WRONG_REST)
      this.#donors.delete(formatAddress(candidate.address))
    }
    this.#reputation.strike(nameOf(peer), what)
    this.#remember(peer, WRONG_METADATA)
    peer.destroy(new PeerError('ERR_BANNED', `${nameOf(peer)}: ${what}`))
  }

  #gone(peer: MetadataPeer, error: Error | undefined): void {
    const candidate = this.#peers.get(peer)?.candidate
    this.#peers.delete(peer)
    this.#picker.left(peer)
    if (candidate && this.#refused(peer, error) && this.candidates.turn(candidate)) {
      this.#connect(candidate)
      return
    }
    const ourselves = peer.peerId && Buffer.compare(peer.peerId, this.#options.context.peerId) === 0
    const unheard = !peer.peerId && (!peer.incoming || error)
    const ended = describeEnd(error, { ready: peer.peerId !== undefined, silent: peer.silent })
    this.#remember(peer, unheard ? ended : NO_METADATA)
    if (candidate) {
      this.candidates.closed(candidate, this.#now, false, ended)
      if (ourselves) this.candidates.rest(candidate, this.#now, OWN_REST)
    }
    if (error && !ourselves) this.emit('warning', nameError(error, peer.address))
    this.emit('progress')
    this.#askAll()
    this.#dial()
  }

  /** Whether somebody whom we dialled hung up on how we spoke, encrypted or plain, and may like the other better. */
  #refused(peer: MetadataPeer, error: Error | undefined): boolean {
    const { encryption } = this.#options.context
    if (this.#closed || encryption !== 'prefer' || peer.incoming || !peer.silent) return false
    return peer.encrypted || !(error instanceof PeerError) || error.code !== 'ERR_HANDSHAKE'
  }

  #remember(peer: MetadataPeer, what: string): void {
    const name = nameOf(peer)
    if (this.#outcomes.get(name)?.what === WRONG_METADATA || this.#outcomes.size >= MAX_REMEMBERED) return
    this.#outcomes.set(name, { address: peer.address, what })
  }
}

function nameOf({ address }: MetadataPeer): string {
  return formatAddress(address)
}
