import { EventEmitter } from 'node:events'
import { addressKey } from '../../codec/address-key.ts'
import { formatAddress, type PeerAddress } from '../../codec/compact.ts'
import type { ExtendedHandshake } from '../../codec/extended.ts'
import type { MetadataMessage } from '../../codec/metadata.ts'
import { messageOf, PeerError } from '../../errors.ts'
import { systemCode } from '../../ports/file-system.ts'
import type { ConnectionLimit } from '../limits/connection-limit.ts'
import type { AcceptedConnection } from '../peer/accepted-connection.ts'
import { nameError } from '../peer/name-error.ts'
import { Peer } from '../peer/peer.ts'
import type { PeerContext, PeerTorrent } from '../peer/peer-context.ts'
import { exchangePeers } from '../peer/pex-round.ts'
import { type Candidate, Candidates } from './candidates.ts'
import { ConnectionSlots } from './connection-slots.ts'
import { ExternalAddress } from './external-address.ts'
import { describeEnd } from './peer-reports.ts'
import type { Reputation } from './reputation.ts'
import { Totals } from './totals.ts'

export interface SwarmEvents {
  /** Both handshakes with a peer are done. */
  connected: [peer: Peer]
  /** A peer with which they were is gone. */
  disconnected: [peer: Peer, reason: string]
  /** A peer said what it can do (BEP 10). */
  extended: [peer: Peer, handshake: ExtendedHandshake]
  /** A peer sent a piece of the metadata, or will not (BEP 9). */
  metadata: [peer: Peer, message: MetadataMessage]
  /** A peer wants something of us now, or no longer, or is gone. */
  interest: []
  /** A peer did what it must not, or could not be reached. */
  warning: [error: PeerError]
}

export interface SwarmOptions {
  readonly context: PeerContext
  /** Which addresses are banned. */
  readonly reputation: Reputation
  /** How many connections at most. */
  readonly maxPeers: number
  /** How many of one IP address. @default 4, on loopback 64 */
  readonly maxPerAddress?: number | undefined
  /** Connections that several swarms have together. @default none */
  readonly connections?: ConnectionLimit | undefined
  /** How many of them may still be without a handshake. @default 32 */
  readonly maxHalfOpen?: number
}

/** Milliseconds until a peer is dialled again with which there was nothing to exchange. */
const REST = 600_000
/** Milliseconds until an address is dialled again whose peer gave wrong bytes too often. */
const BANNED_REST = 3_600_000
/** Milliseconds until our own address is dialled again: it may be another's by then. */
const OWN_REST = 86_400_000
/** Two connections between the same two addresses that are ready within so many milliseconds were dialled at once. */
const SIMULTANEOUS_MS = 2000

/** The connections of one torrent: dials candidates while there is room, and lets go of those that fail. */
export class Swarm extends EventEmitter<SwarmEvents> {
  readonly candidates = new Candidates()
  /** Connections, those being dialled included, and where each was found; one that came to us may not have said. */
  readonly peers = new Map<Peer, Candidate | undefined>()
  readonly #context: PeerContext
  readonly #reputation: Reputation
  readonly #slots: ConnectionSlots<Peer>
  readonly #external = new ExternalAddress()
  readonly #connections: ConnectionLimit | undefined
  readonly #maxHalfOpen: number
  #closed = false
  #paused = false
  readonly #totals = new Totals(() => this.peers.keys())

  constructor({ context, connections, maxPeers, maxPerAddress, maxHalfOpen = 32, reputation }: SwarmOptions) {
    super()
    this.#context = context
    this.#reputation = reputation
    connections?.add(this, () => this.peers.size)
    this.#connections = connections
    this.#slots = new ConnectionSlots({
      maxPeers,
      maxPerAddress,
      hasCommonRoom: () => connections?.hasRoom(this) ?? true,
    })
    this.#maxHalfOpen = maxHalfOpen
  }

  /** Peers with which both handshakes are done. */
  get connected(): Peer[] {
    return [...this.peers.keys()].filter(peer => peer.ready)
  }

  /** Bytes of blocks, from all peers that there ever were. */
  get downloaded(): number {
    return this.#totals.downloaded
  }

  /** Bytes of blocks, to all peers that there ever were. */
  get uploaded(): number {
    return this.#totals.uploaded
  }

  /** Bytes of blocks that were of no use. */
  get wasted(): number {
    return this.#totals.wasted
  }

  /** Whether we want nothing any more. */
  get #seeding(): boolean {
    return this.#context.torrent?.upload.isUploadOnly() ?? false
  }

  /** The metadata is known: blocks are exchanged from now on, also with the peers that are connected already. */
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

  /** Addresses at which peers may be. @param teller which peer, by its host, named them */
  add(addresses: Iterable<PeerAddress>, source: string, teller = ''): void {
    const now = this.#context.clock.now()
    for (const address of addresses) this.candidates.add(address, source, { now, teller })
    this.dial()
  }

  /** Dials while there is room. */
  dial(): void {
    let halfOpen = this.peers.size - this.connected.length
    while (!this.#isStopped && this.#slots.free && halfOpen < this.#maxHalfOpen) {
      const candidate = this.#nextCandidate()
      if (!candidate) return
      halfOpen++
      this.#connect(candidate)
    }
  }

  /** The process has no file descriptor left for a connection or a file: has a few connections less for a while. */
  makeRoom(): void {
    if (!this.#slots.shrink(this.#context.clock.now())) return
    const message = 'no file descriptor is left: there are fewer connections for a minute (raise `ulimit -n`)'
    this.emit('warning', new PeerError('ERR_CONNECTION', message))
  }

  /** Takes a connection that came to us, if there is room and its address is not banned. */
  accept(accepted: AcceptedConnection): void {
    const { clock, encryption } = this.#context
    const { remoteAddress = '' } = accepted.socket
    const unwanted = encryption === 'require' ? !accepted.ciphers : encryption === 'off' && accepted.ciphers
    const refused = this.#isStopped || unwanted || this.#reputation.whyBanned(remoteAddress) !== undefined
    const room = !refused && this.#slots.admit(remoteAddress, !this.#seeding, clock.now())
    if (room === false) {
      accepted.socket.destroy()
      return
    }
    this.#follow(new Peer(accepted, this.#context), undefined)
    if (room !== true) this.#part(room, REST)
  }

  tick(now: number): void {
    this.#context.torrent?.upload.suggestions.tick(this.uploaded, now)
    for (const peer of [...this.peers.keys()]) {
      peer.tick(now)
      // neither has anything that the other wants
      if (peer.ready && peer.uploadOnly && this.#seeding) this.#part(peer, REST)
    }
    this.#slots.tick(now)
    for (const peer of this.#slots.findExcess()) this.#part(peer, REST)
    exchangePeers(this.peers, now)
    this.dial()
    this.#turnOver(now)
  }

  /** Disconnects a peer that gave wrong bytes too often. @param name its `host:port` */
  ban(name: string, reason: string): void {
    const now = this.#context.clock.now()
    this.candidates.restAt(name, now, BANNED_REST) // also when its connection is gone
    for (const [peer, candidate] of this.peers) {
      if (formatAddress(peer.address) !== name) continue
      const rest = Math.max(BANNED_REST, this.#reputation.bannedFor(peer.address.host))
      if (candidate) this.candidates.rest(candidate, now, rest)
      peer.destroy(new PeerError('ERR_BANNED', reason))
    }
  }

  /** Ends every connection, and makes and accepts none until `resume`. */
  pause(): void {
    this.#paused = true
    for (const peer of [...this.peers.keys()]) peer.destroy()
    this.#connections?.delete(this)
  }

  /** Goes on after `pause`. */
  resume(): void {
    this.#paused = false
    this.#connections?.add(this, () => this.peers.size)
    this.dial()
  }

  /** Ends every connection. */
  close(): void {
    this.#closed = true
    for (const peer of [...this.peers.keys()]) peer.destroy()
    this.#connections?.delete(this)
  }

  /** True while connections are neither made nor accepted. */
  get #isStopped(): boolean {
    return this.#closed || this.#paused
  }

  /** While there is something to fetch and no room, a connection that is of no use now and then makes room for another. */
  #turnOver(now: number): void {
    if (this.#isStopped || this.#seeding) return
    const idle = this.#slots.turnOver(now)
    const candidate = idle && this.#nextCandidate()
    if (!candidate) return
    this.#connect(candidate) // first: its place would be taken by another
    this.#part(idle, REST)
  }

  #nextCandidate(): Candidate | undefined {
    return this.candidates.next(this.#context.clock.now(), {
      mayDial: candidate => this.#mayDial(candidate),
      seeding: this.#seeding,
    })
  }

  /** Whether an address may be dialled. An address that the user named may, unless its own peer is guilty. */
  #mayDial({ address, source }: Candidate): boolean {
    if (source === 'option') return true
    return !this.#slots.crowded(address.host) && this.#reputation.whyBanned(address.host) === undefined
  }

  #connect(candidate: Candidate): void {
    const { encryption } = this.#context
    const encrypted = encryption === 'require' || (encryption === 'prefer' && candidate.encrypted)
    this.#follow(new Peer(candidate.address, this.#context, encrypted), candidate)
  }

  #follow(peer: Peer, candidate: Candidate | undefined): void {
    const now = () => this.#context.clock.now()
    const teller = addressKey(peer.address.host)
    this.peers.set(peer, candidate)
    this.#slots.add(peer, now())
    peer.on('ready', () => this.#ready(peer))
    peer.on('interest', () => this.emit('interest'))
    peer.on('peers', addresses => this.add(addresses, 'PEX', teller))
    peer.on('metadata', message => this.emit('metadata', peer, message))
    peer.on('extended', handshake => {
      const { port, yourIp } = handshake
      const ours = this.#context.port()
      const host = yourIp && this.#external.vote(teller, yourIp)
      if (host && ours) this.candidates.seenAt({ host, port: ours })
      if (port && !this.peers.get(peer)) {
        const address = { host: peer.address.host, port }
        this.peers.set(peer, this.candidates.claim(address, 'incoming', { teller, now: now() }))
      }
      this.emit('extended', peer, handshake)
    })
    peer.on('close', error => this.#gone(peer, error))
  }

  #ready(peer: Peer): void {
    const { clock, peerId } = this.#context
    const candidate = this.peers.get(peer)
    if (candidate) this.candidates.understood(candidate)
    // a peer id is public: it says that two connections are one peer only if they are of one address as well
    const other = [...this.peers.keys()].find(other => other !== peer && other.ready && isSame(other, peer))
    if (other) {
      // both sides come to the same end: of two that were dialled at once, the one that the greater id dialled stays
      const weAreGreater = Buffer.compare(peerId, peer.peerId!) > 0
      const recent = clock.now() - other.readyAt <= SIMULTANEOUS_MS
      if (!recent || other.incoming === peer.incoming || peer.incoming === weAreGreater) {
        this.#turnAway(peer, recent ? 0 : REST)
        return
      }
      other.destroy()
    }
    this.emit('connected', peer)
  }

  /** Ends a connection that never was one. */
  #turnAway(peer: Peer, rest: number): void {
    peer.ready = false
    this.#part(peer, rest)
  }

  /** Ends a connection in peace, and leaves that address alone for so many milliseconds. */
  #part(peer: Peer, rest: number): void {
    const candidate = this.peers.get(peer)
    peer.destroy()
    if (candidate) this.candidates.rest(candidate, this.#context.clock.now(), rest)
  }

  #gone(peer: Peer, error: Error | undefined): void {
    const candidate = this.peers.get(peer)
    this.peers.delete(peer)
    this.#slots.delete(peer)
    const ourselves = peer.peerId && Buffer.compare(peer.peerId, this.#context.peerId) === 0
    const refused = candidate && this.#refused(peer, error)
    if (refused && this.candidates.turn(candidate)) {
      this.#connect(candidate)
      return
    }
    const { downloaded } = peer.requester
    const { uploaded } = peer.responder
    const starved = lacksDescriptor(error) // which is no fault of the peer
    this.#totals.add(peer)
    if (candidate) {
      const now = this.#context.clock.now()
      if (peer.ready) candidate.seed = peer.uploadOnly
      const useful = starved || this.#isStopped || downloaded + uploaded > 0
      const failure = this.#isStopped ? undefined : describeEnd(error, peer)
      this.candidates.closed(candidate, now, useful, failure)
      if (ourselves) this.candidates.rest(candidate, now, OWN_REST)
    }
    if (starved) this.makeRoom()
    else if (error && !ourselves) this.emit('warning', nameError(error, peer.address))
    if (peer.ready) {
      this.emit('disconnected', peer, this.#reasonOf(error))
      this.emit('interest')
      // what waited for it to be fetched by that one is answered now
      for (const other of this.peers.keys()) other.responder.serve()
    }
    this.dial()
  }

  /** Why a connection ended, in words. */
  #reasonOf(error: Error | undefined): string {
    if (error) return messageOf(error)
    if (this.#closed) return 'the torrent was closed'
    return this.#paused ? 'the torrent was paused' : 'closed by the peer'
  }

  /** Whether somebody whom we dialled hung up on how we spoke, encrypted or plain, and may like the other better. */
  #refused(peer: Peer, error: Error | undefined): boolean {
    if (this.#isStopped || this.#context.encryption !== 'prefer' || peer.incoming || !peer.isSilent)
      return false
    // who answers something else altogether speaks no BitTorrent
    return peer.encrypted || !(error instanceof PeerError) || error.code !== 'ERR_HANDSHAKE'
  }
}

/** Whether two connections are to one peer, as far as that can be told: the same peer id at the same IP address. */
function isSame(a: Peer, b: Peer): boolean {
  if (!a.peerId || !b.peerId || Buffer.compare(a.peerId, b.peerId) !== 0) return false
  return addressKey(a.address.host) === addressKey(b.address.host)
}

/** Whether a connection failed because this process, or this machine, has no file descriptor left. */
function lacksDescriptor(error: Error | undefined): boolean {
  const code = systemCode(error?.cause)
  return code === 'EMFILE' || code === 'ENFILE'
}
