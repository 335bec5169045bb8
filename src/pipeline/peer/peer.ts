import { EventEmitter } from 'node:events'
import { formatAddress, type PeerAddress } from '../../codec/compact.ts'
import type { ExtendedHandshake } from '../../codec/extended.ts'
import { type Handshake, supports } from '../../codec/handshake.ts'
import type { MetadataMessage } from '../../codec/metadata.ts'
import { clientOf } from '../../codec/peer-id.ts'
import { PeerError } from '../../errors.ts'
import type { MessageHandlers } from '../../streams/peer/dispatcher.ts'
import type { Outgoing } from '../../streams/peer/outgoing.ts'
import type { PeerSocket } from '../../streams/peer/peer-socket.ts'
import type { Requester } from '../../streams/peer/requester.ts'
import type { Responder } from '../../streams/peer/responder.ts'
import type { AcceptedConnection } from './accepted-connection.ts'
import { ByteRate } from './byte-rate.ts'
import { Connection } from './connection.ts'
import { DhtPort } from './dht-port.ts'
import { Extensions } from './extensions.ts'
import { composeFirstMessages } from './first-messages.ts'
import { checkInfoHash, composeHandshake } from './handshake.ts'
import type { MessageTarget } from './message-target.ts'
import type { PeerContext } from './peer-context.ts'
import { PeerHashes } from './peer-hashes.ts'
import { createPeerStages } from './peer-stages.ts'
import { PeerUploads } from './peer-uploads.ts'
import { RateWindow } from './rate-window.ts'
import { TimeLimits } from './time-limits.ts'

export interface PeerEvents {
  /** Both handshakes are done. */
  ready: []
  /** The peer sent an extended handshake (BEP 10). */
  extended: [handshake: ExtendedHandshake]
  /** The peer became interested or is no longer interested. */
  interest: []
  /** The peer sent a piece of the metadata, or rejected a request for one (BEP 9). */
  metadata: [message: MetadataMessage]
  /** The peer named other peers (BEP 11). */
  peers: [addresses: readonly PeerAddress[]]
  /** The last event: the connection has ended, for this reason. */
  close: [error: Error | undefined]
}

/** Milliseconds within which a peer must answer before its requests go to others. */
const REQUEST_TIMEOUT_MS = 10_000
/** A peer counts as slow to answer if its extended handshake comes this many milliseconds after it was dialled. */
const SLOW_HANDSHAKE_MS = 250
/** Requests that a peer queues unless its extended handshake says how many. */
const DEFAULT_REQQ = 250

/** One connection to a peer, from dialling or accepting to its end: its wire state and the handlers of its messages. */
export class Peer extends EventEmitter<PeerEvents> implements MessageTarget {
  readonly address: PeerAddress
  /** True if the peer connected to us. */
  readonly incoming: boolean
  /** True if the connection is encrypted; of a dialled one, if it was dialled with encryption. */
  readonly encrypted: boolean
  /** @internal */
  readonly window: RateWindow
  readonly requester: Requester
  readonly responder: Responder
  /** Our requests for hashes to the peer. @internal */
  readonly hashes = new PeerHashes(this)
  /** The rates from and to the peer, in bytes per second. */
  readonly down = new ByteRate()
  readonly up = new ByteRate()
  /** The name of its client, once known. */
  client = 'unknown'
  peerId: Uint8Array | undefined
  /** True once both handshakes are done. */
  ready = false
  /** The times of the handshake and of the last unchoke, in milliseconds of the clock. */
  readyAt = 0
  unchokedAt = Number.NEGATIVE_INFINITY
  readonly #context: PeerContext
  readonly #connection: Connection
  readonly #socket: PeerSocket
  readonly #timeLimits: TimeLimits
  readonly #uploads: PeerUploads
  readonly #extensions: Extensions
  readonly #dhtPort: DhtPort
  #closed = false
  /** The error with which the connection closes once all messages are sent. */
  #endReason: Error | undefined
  readonly #handlers: MessageHandlers = {
    handshake: message => this.#onHandshake(message),
    port: ({ port }) => this.#dhtPort.onPort(port),
    extended: ({ id, payload }) => this.#extensions.handle(id, payload),
    ...this.hashes.handlers,
  }

  /** @param encrypted true to dial with encryption @internal */
  constructor(to: PeerAddress | AcceptedConnection, context: PeerContext, encrypted = false) {
    super()
    const { clock, limits } = context
    const incoming = 'socket' in to
    this.#context = context
    this.incoming = incoming
    this.encrypted = incoming ? to.ciphers !== undefined : encrypted
    this.window = new RateWindow({
      limit: () => Math.min(this.extendedHandshake.reqq ?? DEFAULT_REQQ, limits.window()),
      hasReaders: () => context.torrent?.source.hasReaders ?? false,
    })
    this.#timeLimits = new TimeLimits(clock.now())
    this.#uploads = new PeerUploads(this, context)
    const stages = createPeerStages({
      ...{ to, encrypted, context, handlers: this.#handlers, hashes: this.hashes },
      timeLimits: this.#timeLimits,
      uploadPolicy: this.#uploads,
      window: this.window,
    })
    this.#connection = new Connection(stages, context.funnel)
    const { requester, responder, socket } = stages
    this.requester = requester
    this.responder = responder
    this.#socket = socket
    this.address = socket.address
    this.#dhtPort = new DhtPort(context, socket)
    this.#extensions = new Extensions({ context, host: socket.remoteHost, peer: this })
    this.#listen()
    if (context.torrent) this.#beginExchange()
    if (!incoming) this.send(composeHandshake(context))
  }

  #listen(): void {
    this.#connection.on('drain', () => this.#extensions.resume())
    this.#connection.on('close', error => this.destroy(error))
    this.requester.on('interest', () => this.emit('interest'))
    this.responder.on('request', index => this.#uploads.onRequest(index))
    this.#extensions.on('peers', addresses => this.emit('peers', addresses))
    this.#extensions.on('metadata', message => this.emit('metadata', message))
    this.#extensions.on('handshake', handshake => {
      if (handshake.client) this.client = handshake.client
      const { clock, limits } = this.#context
      if (!this.incoming && clock.now() - this.#timeLimits.startedAt >= SLOW_HANDSHAKE_MS)
        this.window.startWith(limits.firstWindow())
      this.emit('extended', handshake)
    })
  }

  /** Exchanges blocks over this connection from now on: the metadata is known. @internal */
  startExchange(): void {
    try {
      this.#beginExchange()
    } catch (error) {
      this.destroy(error as Error)
      return
    }
    if (!this.ready) return
    this.#extensions.sendHandshake()
    const { announcedPieces } = this.#context.torrent!.upload
    if (announcedPieces.count > 0) this.send([...announcedPieces].map(index => ({ type: 'have', index })))
  }

  #beginExchange(): void {
    const torrent = this.#context.torrent!
    const { pieceCount, source } = torrent
    this.requester.setTorrent({ pieceCount, source })
    this.#uploads.begin(torrent)
  }

  /** The extended handshake of the peer, all of its messages merged (BEP 10). */
  get extendedHandshake(): ExtendedHandshake {
    return this.#extensions.peerHandshake
  }

  /** @internal */
  get extensions(): Pick<Extensions, 'pexIsDue' | 'sendPex' | 'requestMetadata'> {
    return this.#extensions
  }

  get peerInterested(): boolean {
    return this.requester.peerInterested
  }

  /** The time since when its requests wait without an answer, in milliseconds; an earlier tick if it has no requests. */
  get waitsSince(): number {
    return this.#uploads.waitsSince
  }

  /** True if the connection was made and the peer has sent nothing yet. */
  get isSilent(): boolean {
    return !this.#timeLimits.hasReceived && this.#socket.reached
  }

  /** True if the peer has our own id: we have dialled our own address. */
  get isOurselves(): boolean {
    return this.peerId !== undefined && Buffer.compare(this.peerId, this.#context.peerId) === 0
  }

  /** True if the peer has every piece, or says that it wants none (BEP 21). */
  get uploadOnly(): boolean {
    return this.requester.isSeed || this.extendedHandshake.uploadOnly === true
  }

  /** Queues a message or a batch of messages. @returns true if there is room for more */
  send(message: Outgoing): boolean {
    this.#timeLimits.noteQueued(this.#context.clock.now())
    return this.#connection.send(message)
  }

  /** Tells the peer that we have a piece from now on, unless it has that piece too. */
  sendHave(index: number): void {
    this.requester.addOwnPiece(index)
    if (this.ready && !this.requester.bits.has(index)) this.send({ type: 'have', index })
  }

  /** Tells the peer that we lost a piece, if it supports that (BEP 54). */
  sendDontHave(index: number): void {
    this.responder.dropPiece(index)
    this.requester.removeOwnPiece(index)
    if (this.ready) this.#extensions.sendDontHave(index)
  }

  /** Unchokes the peer, or chokes it. */
  unchoke(yes: boolean): void {
    if (yes === !this.responder.amChoking) return
    if (yes) {
      this.unchokedAt = this.#context.clock.now()
      this.#uploads.suggest()
      this.responder.unchoke()
    } else {
      this.responder.choke()
      this.#uploads.end()
    }
  }

  /** Sends an extended handshake again, which says that we want no more pieces (BEP 21). */
  sendUploadOnly(): void {
    if (this.ready) this.#extensions.sendHandshake()
  }

  /** Checks the time limits and updates the rates. Called several times a second. */
  tick(now: number): void {
    if (this.#context.torrent?.isUploadOnly && !this.#timeLimits.isTickDue(this, now)) return
    const { ready, requester, responder } = this
    const exceeded = this.#timeLimits.findExceeded({ ready, sending: responder.sending }, now)
    if (exceeded !== undefined) {
      this.destroy(new PeerError('ERR_TIMEOUT', `${formatAddress(this.address)}: ${exceeded}`))
      return
    }
    if (!ready) return
    if (this.#timeLimits.isKeepAliveDue(now)) this.send({ type: 'keepAlive' })
    this.down.update(requester.downloaded, now)
    this.up.update(responder.uploaded, now)
    this.#sendDhtPort()
    this.#uploads.tick(now)
    requester.tick(now, REQUEST_TIMEOUT_MS)
  }

  /** Closes the connection: at once for an error, otherwise once the peer has received what was written. Idempotent. */
  destroy(error?: Error): void {
    if (this.#closed) return
    this.#closed = true
    this.#uploads.end()
    this.#connection.destroy(error === undefined && this.ready)
    this.emit('close', error ?? this.#endReason)
  }

  #onHandshake(handshake: Handshake): undefined {
    const { peerId, reserved } = handshake
    this.hashes.isSupported = checkInfoHash(handshake, this.#context, this.incoming)
    this.peerId = peerId
    if (this.incoming) this.send(composeHandshake(this.#context, handshake))
    if (this.isOurselves) {
      const ourselves = new PeerError('ERR_HANDSHAKE', 'is ourselves')
      if (!this.incoming) throw ourselves
      // the other end of this connection, which is ours too, has to read the handshake first, so that it does not dial
      // again
      this.#endReason = ourselves
      this.#connection.end()
      return
    }
    this.client = clientOf(peerId)
    this.ready = true
    this.readyAt = this.#uploads.waitsSince = this.#context.clock.now()
    this.#extensions.supported = supports(reserved, 'extended')
    this.#extensions.sendHandshake()
    this.#sendFirstMessages(supports(reserved, 'fast'))
    this.#dhtPort.isOwed = supports(reserved, 'dht')
    this.#sendDhtPort()
    this.emit('ready')
  }

  #sendDhtPort(): void {
    const message = this.#dhtPort.takeMessage()
    if (message) this.send(message)
  }

  #sendFirstMessages(fast: boolean): void {
    const { remoteHost: host } = this.#socket
    const { infoHash, torrent } = this.#context
    const { messages, allowedFast } = composeFirstMessages({ infoHash, torrent, fast, host })
    this.requester.fast = this.responder.fast = fast
    for (const index of allowedFast) this.responder.allow(index)
    for (const message of messages) this.send(message)
  }
}
