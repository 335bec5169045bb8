import { EventEmitter } from 'node:events'
import { allowedFastSet } from '../../codec/allowed-fast.ts'
import { formatAddress, type PeerAddress } from '../../codec/compact.ts'
import type { ExtendedHandshake } from '../../codec/extended.ts'
import { type Handshake, reservedBytes, supports } from '../../codec/handshake.ts'
import { BLOCK_LENGTH } from '../../codec/message.ts'
import type { MetadataMessage } from '../../codec/metadata.ts'
import { clientOf } from '../../codec/peer-id.ts'
import { PEX_FLAGS } from '../../codec/pex.ts'
import { PeerError } from '../../errors.ts'
import type { Outgoing } from '../../streams/peer/outgoing.ts'
import type { Requester } from '../../streams/peer/requester.ts'
import type { Responder } from '../../streams/peer/responder.ts'
import type { AcceptedConnection } from './accepted-connection.ts'
import { ByteRate } from './byte-rate.ts'
import { Connection } from './connection.ts'
import { Extensions } from './extensions.ts'
import type { PeerContext, PeerUpload } from './peer-context.ts'
import { RateWindow } from './rate-window.ts'

export interface PeerEvents {
  /** Both handshakes are done. */
  ready: []
  /** It said more of itself (BEP 10). */
  extended: [handshake: ExtendedHandshake]
  /** It wants something of us now, or no longer. */
  interest: []
  /** It sent a piece of the metadata, or will not (BEP 9). */
  metadata: [message: MetadataMessage]
  /** It named others (BEP 11). */
  peers: [addresses: readonly PeerAddress[]]
  /** The last event: it is gone, for this reason. */
  close: [error: Error | undefined]
}

/** Milliseconds within which a peer has to be connected and to have said its handshake, in all. */
export const HANDSHAKE_TIMEOUT = 10_000
/** Milliseconds of silence after which a peer is dropped. */
export const IDLE_TIMEOUT = 130_000
/** Milliseconds after which we say something, so as not to be dropped. */
export const KEEP_ALIVE = 100_000
/** Milliseconds that a peer may take to answer before its blocks go to others. */
export const REQUEST_TIMEOUT = 10_000
/** Milliseconds that a peer may leave unread what it asked for. */
export const SEND_TIMEOUT = 60_000
/** Requests that a peer takes at once when it doesn't say how many. */
const DEFAULT_REQQ = 250
/** Pieces that a peer may have of us while it is choked (BEP 6). */
const ALLOWED_FAST = 5
/** Seconds of a peer's rate that a run of blocks may hold: what is on its way can no longer be cancelled. */
const RUN_TIME = 0.25

/** One connection, from dialling or accepting to its end: who is there, what it wants, the time limits. */
export class Peer extends EventEmitter<PeerEvents> {
  readonly address: PeerAddress
  /** Whether it came to us. */
  readonly incoming: boolean
  /** Whether it was dialled with encryption; of one that came to us, whether its bytes are encrypted. */
  readonly encrypted: boolean
  readonly window: RateWindow
  /** What it gives us and what we give it, in bytes a second. */
  readonly down = new ByteRate()
  readonly up = new ByteRate()
  /** Its name, once known. */
  client = 'unknown'
  peerId: Uint8Array | undefined
  /** Both handshakes are done. */
  ready = false
  peerInterested = false
  /** When they were, and when it was last unchoked, in ms of the clock. */
  readyAt = 0
  unchokedAt = Number.NEGATIVE_INFINITY
  /** Since when it has got nothing of what it asked for; the last look at it, if it has asked for nothing. */
  waitsSince = 0
  readonly #context: PeerContext
  readonly #connection: Connection
  readonly #extensions: Extensions
  #heard: number
  #silent = true
  #said: number
  /** When it last took what we sent. */
  #taken: number
  #closed = false
  /** Bytes that it had got of us at the last look. */
  #given = 0
  /** Whether it wants to know of our DHT node, and whether it told of its own. */
  #port: { owed: boolean; heard: boolean } = { owed: false, heard: false }
  /** Why it ends once all was said. */
  #ending: Error | undefined

  /** @param encrypted whether to dial with encryption */
  constructor(to: PeerAddress | AcceptedConnection, context: PeerContext, encrypted = false) {
    super()
    const { clock, limits } = context
    this.#context = context
    this.#heard = this.#said = this.#taken = clock.now()
    this.incoming = 'socket' in to
    this.encrypted = 'socket' in to ? to.ciphers !== undefined : encrypted
    this.window = new RateWindow(() => Math.min(this.about.reqq ?? DEFAULT_REQQ, limits.window()))
    this.#connection = new Connection({
      to,
      encrypted,
      context,
      window: this.window,
      run: () => Math.max(1, Math.floor((this.up.rate * RUN_TIME) / BLOCK_LENGTH)),
      later: index => {
        const upload = this.#suggesting
        return upload?.suggestions.later(this, index, clock.now()) ?? false
      },
      heard: () => {
        this.#silent = false
        this.#heard = clock.now()
      },
      sent: () => {
        this.#taken = clock.now()
      },
      drained: () => this.#extensions.drained(),
      handlers: {
        handshake: message => this.#shake(message),
        interested: () => this.#setInterest(true),
        notInterested: () => this.#setInterest(false),
        port: ({ port }) => this.#heardPort(port),
        extended: ({ id, payload }) => this.#extensions.take(id, payload),
      },
      ended: error => this.destroy(error),
    })
    this.address = this.#connection.socket.address
    this.#extensions = new Extensions({
      context,
      host: this.#connection.socket.remoteHost,
      send: (id, payload) => this.send({ type: 'extended', id, payload }),
    })
    this.#extensions.on('handshake', handshake => {
      if (handshake.client) this.client = handshake.client
      this.emit('extended', handshake)
    })
    this.responder.on('request', index => this.#noteRequest(index))
    this.#extensions.on('peers', addresses => this.emit('peers', addresses))
    this.#extensions.on('metadata', message => this.emit('metadata', message))
    if (context.torrent) this.#beginExchange()
    if (!this.incoming) this.#shakeHands()
  }

  /** The metadata is known: blocks are exchanged from now on, over the same connection. */
  begin(): void {
    try {
      this.#beginExchange()
    } catch (error) {
      this.destroy(error as Error)
      return
    }
    if (!this.ready) return
    this.#extensions.sendHandshake()
    const { told } = this.#context.torrent!.upload
    if (told.count > 0) this.send([...told].map(index => ({ type: 'have', index })))
  }

  #beginExchange(): void {
    const { pieceCount, pieceLength, length, source, upload } = this.#context.torrent!
    this.requester.begin({ pieceCount, source })
    this.responder.begin({ pieceLength, length, storage: upload.storage, has: upload.has })
  }

  /** What the peer says of itself. */
  get about(): ExtendedHandshake {
    return this.#extensions.about
  }

  get extensions(): Pick<Extensions, 'pexIsDue' | 'sendPex' | 'requestMetadata'> {
    return this.#extensions
  }

  get requester(): Requester {
    return this.#connection.requester
  }

  get responder(): Responder {
    return this.#connection.responder
  }

  /** Whether somebody is there whom we dialled, and has not begun to say a handshake. */
  get silent(): boolean {
    return this.#silent && this.#connection.socket.reached
  }

  /** Whether it has everything, or says that it wants nothing. */
  get uploadOnly(): boolean {
    return this.requester.isSeed || this.about.uploadOnly === true
  }

  /** How others are told of it (BEP 11), but for where. */
  get pexFlags(): number {
    return (
      (this.encrypted ? PEX_FLAGS.encryption : 0) |
      (this.uploadOnly ? PEX_FLAGS.seed : 0) |
      (this.about.extensions.get('ut_holepunch') ? PEX_FLAGS.holepunch : 0) |
      (this.incoming ? 0 : PEX_FLAGS.reachable)
    )
  }

  /** Queues a message, or a batch of them. @returns whether there is room for more */
  send(message: Outgoing): boolean {
    this.#said = this.#context.clock.now()
    return this.#connection.send(message)
  }

  /** We have this piece now: tells the peer, if it lacks it. */
  have(index: number): void {
    this.requester.done(index)
    if (this.ready && !this.requester.bits.has(index)) this.send({ type: 'have', index })
  }

  /** We have this piece no longer: tells the peer, if it understands that (BEP 54). */
  lack(index: number): void {
    this.responder.lost(index)
    this.requester.undone(index)
    if (this.ready) this.#extensions.sendDontHave(index)
  }

  /** Answers its requests from now on, or no longer. */
  unchoke(yes: boolean): void {
    if (yes === !this.responder.amChoking) return
    if (yes) this.unchokedAt = this.#context.clock.now()
    if (yes) {
      this.#suggest()
      this.responder.unchoke()
    } else {
      this.responder.choke()
      this.#context.torrent?.upload.suggestions.left(this)
    }
  }

  /** Looks at the time limits. To be called now and then. */
  tick(now: number): void {
    if (!this.ready) {
      // counted from the start, not from the last byte: one byte now and then is no handshake
      if (now - this.#said > HANDSHAKE_TIMEOUT)
        this.#timeOut(`no handshake within ${HANDSHAKE_TIMEOUT / 1000} s`)
      return
    }
    this.down.update(this.requester.downloaded, now)
    this.up.update(this.responder.uploaded, now)
    if (!this.responder.sending) this.#taken = now
    else if (now - this.#taken > SEND_TIMEOUT)
      this.#timeOut(`has not read what it asked for within ${SEND_TIMEOUT / 1000} s`)
    if (now - this.#heard > IDLE_TIMEOUT) this.#timeOut(`silent for ${IDLE_TIMEOUT / 1000} s`)
    else if (now - this.#said > KEEP_ALIVE) this.send({ type: 'keepAlive' })
    const { uploaded, waiting } = this.responder
    if (waiting === 0 || uploaded > this.#given) this.waitsSince = now
    this.#given = uploaded
    this.#tellPort()
    this.responder.serve()
    this.requester.tick(now, REQUEST_TIMEOUT)
  }

  /** Ends the connection now. Idempotent. */
  destroy(error?: Error): void {
    if (this.#closed) return
    this.#closed = true
    this.#context.torrent?.upload.suggestions.left(this)
    this.#connection.destroy()
    this.emit('close', error ?? this.#ending)
  }

  /** What to suggest, while we are a seed that shows what it has. */
  get #suggesting(): PeerUpload | undefined {
    const upload = this.#context.torrent?.upload
    return upload?.only() && !upload.hidden ? upload : undefined
  }

  /** A seed says which pieces to fetch, so that it need not send them twice. */
  #suggest(): void {
    const { bits, fast } = this.requester
    const upload = fast ? this.#suggesting : undefined
    const now = this.#context.clock.now()
    for (const index of upload?.suggestions.next(this, index => bits.has(index), now) ?? [])
      this.send({ type: 'suggest', index })
  }

  #timeOut(what: string): void {
    this.destroy(new PeerError('ERR_TIMEOUT', `${formatAddress(this.address)}: ${what}`))
  }

  #setInterest(interested: boolean): undefined {
    this.peerInterested = interested
    this.emit('interest')
  }

  #noteRequest(index: number): void {
    const suggestions = this.#context.torrent?.upload.suggestions
    if (suggestions?.asked(this, index, this.#context.clock.now())) this.#suggest()
  }

  #shakeHands(): void {
    const { dht, infoHash, peerId } = this.#context
    const reserved = reservedBytes('extended', 'fast', ...(dht() ? ['dht' as const] : []))
    this.send({ type: 'handshake', infoHash, peerId, reserved })
  }

  #shake({ infoHash, peerId, reserved }: Handshake): undefined {
    const { clock, infoHash: wanted, peerId: own } = this.#context
    if (Buffer.compare(infoHash, wanted) !== 0) {
      const got = Buffer.from(infoHash).toString('hex')
      throw new PeerError('ERR_HANDSHAKE', `answered for another torrent, ${got}`)
    }
    this.peerId = peerId
    if (this.incoming) this.#shakeHands()
    if (Buffer.compare(peerId, own) === 0) {
      const ourselves = new PeerError('ERR_HANDSHAKE', 'is ourselves')
      if (!this.incoming) throw ourselves
      // our other end is to see the answer first: then it knows what not to dial again
      this.#ending = ourselves
      this.#connection.end()
      return
    }
    this.client = clientOf(peerId)
    this.ready = true
    this.readyAt = this.waitsSince = clock.now()
    this.#extensions.supported = supports(reserved, 'extended')
    this.#extensions.sendHandshake()
    this.#claim(supports(reserved, 'fast'))
    this.#port.owed = supports(reserved, 'dht')
    this.#tellPort()
    this.emit('ready')
  }

  /** Says that we want nothing more (BEP 21), to a peer that heard otherwise before. */
  tellUploadOnly(): void {
    if (this.ready) this.#extensions.sendHandshake()
  }

  /** Says where our DHT node is, once it can answer (BEP 5). */
  #tellPort(): void {
    if (!this.#port.owed) return
    const dht = this.#context.dht()
    const port = dht?.readOnly
      ? undefined
      : dht?.port(this.#connection.socket.remoteHost.includes(':') ? 6 : 4)
    if (!port) return
    this.#port.owed = false
    this.send({ type: 'port', port })
  }

  /** It said where its DHT node is. Once is enough. */
  #heardPort(port: number): undefined {
    if (port === 0 || this.#port.heard) return
    this.#port.heard = true
    this.#context.dht()?.add({ host: this.#connection.socket.remoteHost, port })
  }

  /** Says what we have. */
  #claim(fast: boolean): void {
    const { infoHash, torrent } = this.#context
    this.requester.fast = this.responder.fast = fast
    if (!torrent) {
      if (fast) this.send({ type: 'haveNone' })
      return
    }
    const { pieceCount, upload } = torrent
    const { told } = upload
    if (fast && told.full) this.send({ type: 'haveAll' })
    else if (told.count > 0) this.send({ type: 'bitfield', bytes: Uint8Array.from(told.bytes) })
    else if (fast) this.send({ type: 'haveNone' })
    if (!fast) return
    const address = this.#connection.socket.remoteHost
    for (const index of allowedFastSet({ address, infoHash, pieceCount, count: ALLOWED_FAST })) {
      if (!told.has(index)) continue
      this.responder.allow(index)
      this.send({ type: 'allowedFast', index })
    }
  }
}
