import { EventEmitter } from 'node:events'
import { isOfFamily } from '../../codec/address-family.ts'
import { addressKey } from '../../codec/address-key.ts'
import { formatAddress, type PeerAddress } from '../../codec/compact.ts'
import { PeerError } from '../../errors.ts'
import type { AcceptedConnection } from '../peer/accepted-connection.ts'
import { nameError } from '../peer/name-error.ts'
import { Peer } from '../peer/peer.ts'
import type { PeerContext, PeerTorrent } from '../peer/peer-context.ts'
import type { PeerTotals } from '../peer/peer-totals.ts'
import { exchangePeers } from '../peer/pex-round.ts'
import type { Candidate, Candidates, Naming } from './candidates.ts'
import { describeDisconnect, lacksDescriptor } from './connection-end.ts'
import { ConnectionSlots } from './connection-slots.ts'
import { Dialler } from './dialler.ts'
import { isSamePeer, resolveDuplicate } from './duplicate-connections.ts'
import { ExternalAddress } from './external-address.ts'
import type { Reputation } from './reputation.ts'
import type { SwarmEvents, SwarmOptions } from './swarm-options.ts'

/** Milliseconds until a peer is dialled again if there was nothing to exchange. */
const NO_USE_REST_MS = 600_000
/** Milliseconds until a banned address is dialled again. */
const BANNED_REST_MS = 3_600_000

/** The connections of one torrent. Dials candidates while there is room, and drops connections that fail. */
export class Swarm extends EventEmitter<SwarmEvents> {
  /** All connections, including those being dialled, and the candidate of each. An incoming one may have none. */
  readonly peers = new Map<Peer, Candidate | undefined>()
  readonly #context: PeerContext
  readonly #reputation: Reputation
  readonly #slots: ConnectionSlots<Peer>
  readonly #dialler: Dialler
  readonly #external = new ExternalAddress()
  readonly #maxHalfOpen: number
  #closed = false
  #paused = false
  readonly #totals: PeerTotals<Peer>

  constructor(options: SwarmOptions) {
    super()
    const { blocklist, context, maxHalfOpen = 32, reputation, totals } = options
    this.#context = context
    this.#reputation = reputation
    this.#totals = totals
    this.#slots = new ConnectionSlots(options)
    this.#dialler = new Dialler({ blocklist, context, reputation, slots: this.#slots })
    this.#maxHalfOpen = maxHalfOpen
  }

  /** The known addresses of peers. */
  get candidates(): Candidates {
    return this.#dialler.candidates
  }

  /** Peers with which both handshakes are done. */
  get connected(): Peer[] {
    return [...this.peers.keys()].filter(peer => peer.ready)
  }

  /** Bytes of blocks received from all peers so far. */
  get downloaded(): number {
    return this.#totals.downloaded
  }

  /** Bytes of blocks sent to all peers so far. */
  get uploaded(): number {
    return this.#totals.uploaded
  }

  /** Bytes of blocks that were received and discarded. */
  get wasted(): number {
    return this.#totals.wasted
  }

  /** True if nothing is missing. */
  get #seeding(): boolean {
    return this.#context.torrent?.isUploadOnly ?? false
  }

  /** The metadata is known: blocks are exchanged from now on, also over the existing connections. */
  begin(torrent: PeerTorrent): void {
    this.#context.torrent = torrent
    for (const peer of [...this.peers.keys()]) peer.startExchange()
  }

  /** Drops the candidates that these sources named, and their connections. */
  forget(sources: readonly string[]): void {
    for (const [peer, candidate] of [...this.peers]) {
      if (candidate && sources.includes(candidate.source)) peer.destroy()
    }
    this.candidates.forget(sources)
  }

  /** Adds addresses of peers, without those of another address family than the only allowed one. */
  add(addresses: Iterable<PeerAddress>, source: string, naming: Omit<Naming, 'now'> = {}): void {
    const { clock, family } = this.#context
    const now = clock.now()
    for (const address of addresses) {
      if (isOfFamily(address.host, family)) this.candidates.add(address, source, { now, ...naming })
    }
    this.dial()
    this.emit('active')
  }

  /** Dials while there is room. */
  dial(): void {
    if (!this.#slots.hasRoom) return
    let halfOpen = 0
    for (const peer of this.peers.keys()) if (!peer.ready) halfOpen++
    while (!this.#isStopped && this.#slots.hasRoom && halfOpen < this.#maxHalfOpen) {
      const candidate = this.#dialler.takeNext()
      if (!candidate) return
      halfOpen++
      this.#connect(candidate)
    }
  }

  /** The process has no file descriptor left: reduces the number of connections for a while. */
  makeRoom(): void {
    if (!this.#slots.shrink(this.#context.clock.now())) return
    const message = 'no file descriptor is left: there are fewer connections for a minute (raise `ulimit -n`)'
    this.emit('warning', new PeerError('ERR_CONNECTION', message))
  }

  /** Takes an incoming connection, if there is room, and its address is not banned, blocked or of another family. */
  accept(accepted: AcceptedConnection): void {
    const { clock, encryption, family } = this.#context
    const { remoteAddress = '' } = accepted.socket
    const unwanted = encryption === 'require' ? !accepted.ciphers : encryption === 'off' && accepted.ciphers
    const excluded = unwanted || !isOfFamily(remoteAddress, family)
    const refused = this.#isStopped || excluded || this.#dialler.isRefused(remoteAddress)
    const room = !refused && this.#slots.admit(remoteAddress, !this.#seeding, clock.now())
    if (room === false) {
      accepted.socket.destroy()
      return
    }
    this.#addPeer(new Peer(accepted, this.#context), undefined)
    if (room !== true) this.#disconnect(room, NO_USE_REST_MS)
  }

  /** Does what is due. Called several times a second. */
  tick(now: number): void {
    if (this.peers.size > 0) this.#context.torrent?.upload.suggestions.tick(this.uploaded, now)
    for (const peer of this.#dialler.findBlocked(this.peers)) peer.destroy()
    for (const peer of [...this.peers.keys()]) {
      peer.tick(now)
      // Neither side has anything that the other wants.
      if (peer.ready && peer.uploadOnly && this.#seeding) this.#disconnect(peer, NO_USE_REST_MS)
    }
    this.#slots.tick(now)
    for (const peer of this.#slots.findExcess()) this.#disconnect(peer, NO_USE_REST_MS)
    exchangePeers(this.peers, now)
    this.dial()
    this.#turnOver(now)
  }

  /** Returns the milliseconds until the next tick has something to do; Infinity for nothing before the next event `active`. */
  idleTime(now: number): number {
    if (this.#isStopped) return Number.POSITIVE_INFINITY
    if (this.peers.size > 0) return 0
    return this.candidates.idleTime(now, this.#seeding)
  }

  /** True if a peer's requests wait because another peer fetches the same piece. */
  get hasDeferredRequests(): boolean {
    for (const { responder } of this.peers.keys()) if (responder.isDeferring) return true
    return false
  }

  /** Disconnects a peer that gave wrong bytes too often. @param name its `host:port` */
  ban(name: string, reason: string): void {
    const now = this.#context.clock.now()
    this.candidates.restAt(name, now, BANNED_REST_MS) // also if it has disconnected
    for (const [peer, candidate] of this.peers) {
      if (formatAddress(peer.address) !== name) continue
      const rest = Math.max(BANNED_REST_MS, this.#reputation.remainingBanMs(peer.address.host))
      if (candidate) this.#dialler.rest(candidate, rest)
      peer.destroy(new PeerError('ERR_BANNED', reason))
    }
  }

  /** Ends every connection, and makes and accepts none until `resume`. */
  pause(): void {
    this.#paused = true
    for (const peer of [...this.peers.keys()]) peer.destroy()
    this.#slots.leave()
  }

  /** Goes on after `pause`. */
  resume(): void {
    this.#paused = false
    this.#slots.join()
    this.dial()
  }

  /** Ends every connection. */
  close(): void {
    this.#closed = true
    for (const peer of [...this.peers.keys()]) peer.destroy()
    this.#slots.leave()
  }

  /** True while connections are neither made nor accepted. */
  get #isStopped(): boolean {
    return this.#closed || this.#paused
  }

  /** While data is missing and there is no room, replaces an idle connection now and then. */
  #turnOver(now: number): void {
    if (this.#isStopped || this.#seeding) return
    const idle = this.#slots.turnOver(now)
    const candidate = idle && this.#dialler.takeNext()
    if (!candidate) return
    this.#connect(candidate) // first, since its slot would be taken by another
    this.#disconnect(idle, NO_USE_REST_MS)
  }

  #connect(candidate: Candidate): void {
    this.#addPeer(this.#dialler.dial(candidate), candidate)
  }

  #addPeer(peer: Peer, candidate: Candidate | undefined): void {
    const now = () => this.#context.clock.now()
    const referrer = addressKey(peer.address.host)
    this.peers.set(peer, candidate)
    this.#totals.add(peer)
    this.#slots.add(peer, now())
    peer.on('ready', () => this.#onReady(peer))
    peer.on('interest', () => this.emit('interest'))
    peer.on('peers', addresses => this.add(addresses, 'PEX', { referrer, isV2: peer.hashes.isSupported }))
    peer.on('metadata', message => this.emit('metadata', peer, message))
    peer.hashes.on('answer', answer => this.emit('hashes', peer, answer))
    peer.on('extended', handshake => {
      const { port, yourIp } = handshake
      const ours = this.#context.port
      const host = yourIp && this.#external.vote(referrer, yourIp)
      if (host && ours) this.candidates.setOwnAddress({ host, port: ours })
      if (port && !this.peers.get(peer)) {
        const address = { host: peer.address.host, port }
        this.peers.set(peer, this.candidates.claim(address, 'incoming', { referrer, now: now() }))
      }
      this.emit('extended', peer, handshake)
    })
    peer.on('close', error => this.#onClose(peer, error))
    this.emit('active')
  }

  #onReady(peer: Peer): void {
    const { clock, peerId } = this.#context
    const candidate = this.peers.get(peer)
    if (candidate) this.candidates.onHandshake(candidate)
    const first = [...this.peers.keys()].find(
      other => other !== peer && other.ready && isSamePeer(other, peer),
    )
    if (first) {
      const { keep, simultaneous } = resolveDuplicate(first, peer, peerId, clock.now())
      if (keep === 'first') {
        peer.ready = false // it was never reported as connected
        this.#disconnect(peer, simultaneous ? 0 : NO_USE_REST_MS)
        return
      }
      first.destroy()
    }
    this.emit('connected', peer)
  }

  /** Ends a connection without an error, and does not dial its address for this many milliseconds. */
  #disconnect(peer: Peer, rest: number): void {
    const candidate = this.peers.get(peer)
    peer.destroy()
    if (candidate) this.#dialler.rest(candidate, rest)
  }

  #onClose(peer: Peer, error: Error | undefined): void {
    const candidate = this.peers.get(peer)
    this.peers.delete(peer)
    this.#totals.remove(peer)
    this.#slots.delete(peer)
    if (candidate && !this.#isStopped && this.#dialler.switchEncryption(candidate, peer, error)) {
      this.#connect(candidate)
      return
    }
    if (candidate) this.#dialler.noteEnd(candidate, peer, error, this.#isStopped)
    if (lacksDescriptor(error)) this.makeRoom()
    else if (error && !peer.isOurselves) this.emit('warning', nameError(error, peer.address))
    if (peer.ready) {
      this.emit('disconnected', peer, describeDisconnect(error, this.#closed, this.#paused))
      this.emit('interest')
      // Requests that waited because this peer fetched the same piece are answered now.
      for (const other of this.peers.keys()) other.responder.serve()
    }
    this.dial()
  }
}
