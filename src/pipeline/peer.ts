import { EventEmitter } from 'node:events'
import { allowedFastSet } from '../codec/allowed-fast.ts'
import { formatAddress, type PeerAddress } from '../codec/compact.ts'
import {
  EXTENDED_HANDSHAKE,
  type ExtendedHandshake,
  encodeDontHave,
  encodeExtendedHandshake,
  parseDontHave,
  parseExtendedHandshake,
} from '../codec/extended.ts'
import { type Handshake, reservedBytes, supports } from '../codec/handshake.ts'
import { BLOCK_LENGTH, type Message } from '../codec/message.ts'
import { UT_METADATA } from '../codec/metadata.ts'
import { clientOf } from '../codec/peer-id.ts'
import { decodePex, encodePex, PEX_FLAGS, type PexPeer } from '../codec/pex.ts'
import { PeerError } from '../errors.ts'
import type { Outgoing } from '../streams/outgoing.ts'
import type { Requester } from '../streams/requester.ts'
import type { Responder } from '../streams/responder.ts'
import { Chain } from './chain.ts'
import type { Accepted } from './listener.ts'
import { MetadataResponder } from './metadata-responder.ts'
import type { PeerContext } from './peer-context.ts'
import { Pex } from './pex.ts'
import { Speed } from './speed.ts'
import { RateWindow } from './window.ts'

export interface PeerEvents {
  /** Both handshakes are done. */
  ready: []
  /** It said more of itself (BEP 10). */
  extended: [handshake: ExtendedHandshake]
  /** It wants something of us now, or no longer. */
  interest: []
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
/** Requests that we say that we take at once. */
const OUR_REQQ = 500
/** Pieces that a peer may have of us while it is choked (BEP 6). */
const ALLOWED_FAST = 5
/** Seconds of a peer's rate that a run of blocks may hold: what is on its way can no longer be cancelled. */
const RUN_TIME = 0.25
/** Our ids of extension messages. */
const EXTENSIONS = { lt_donthave: 1, ut_pex: 2, ut_metadata: UT_METADATA } as const

/** One connection, from dialling or accepting to its end: who is there, what it wants, the time limits. */
export class Peer extends EventEmitter<PeerEvents> {
  readonly address: PeerAddress
  /** Whether it came to us. */
  readonly incoming: boolean
  /** Whether it was dialled with encryption; of one that came to us, whether its bytes are encrypted. */
  readonly encrypted: boolean
  readonly window: RateWindow
  /** What it gives us and what we give it, in bytes a second. */
  readonly down = new Speed()
  readonly up = new Speed()
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
  /** What it says of itself. */
  about: ExtendedHandshake = { extensions: new Map() }
  readonly #context: PeerContext
  readonly #chain: Chain
  readonly #metadata: MetadataResponder
  /** Whether it speaks the extension protocol (BEP 10). */
  #extends = false
  #heard: number
  #silent = true
  #said: number
  /** When it last took what we sent. */
  #taken: number
  #closed = false
  /** Bytes that it had got of us at the last look. */
  #given = 0
  /** What we tell each other of others, once it is ready. */
  #pex: Pex | undefined
  /** Whether it wants to know of our DHT node, and whether it told of its own. */
  #port: { owed: boolean; heard: boolean } = { owed: false, heard: false }
  /** Why it ends once all was said. */
  #ending: Error | undefined

  /** @param encrypted whether to dial with encryption */
  constructor(to: PeerAddress | Accepted, context: PeerContext, encrypted = false) {
    super()
    const { clock, limits } = context
    this.#context = context
    this.#heard = this.#said = this.#taken = clock.now()
    this.incoming = 'socket' in to
    this.encrypted = 'socket' in to ? to.ciphers !== undefined : encrypted
    this.window = new RateWindow(() => Math.min(this.about.reqq ?? DEFAULT_REQQ, limits.window()))
    this.#metadata = new MetadataResponder({
      info: context.info,
      send: payload => {
        const id = this.about.extensions.get('ut_metadata') ?? 0
        return id === 0 || this.send({ type: 'extended', id, payload })
      },
    })
    this.#chain = new Chain({
      to,
      encrypted,
      context,
      window: this.window,
      run: () => Math.max(1, Math.floor((this.up.rate * RUN_TIME) / BLOCK_LENGTH)),
      later: index => {
        const { hidden, only, suggestions } = context.upload
        return only() && !hidden && suggestions.later(this, index, clock.now())
      },
      heard: () => {
        this.#silent = false
        this.#heard = clock.now()
      },
      sent: () => {
        this.#taken = clock.now()
      },
      drained: () => this.#metadata.drained(),
      other: message => this.#take(message),
      ended: error => this.destroy(error),
    })
    this.address = this.#chain.socket.address
    if (!this.incoming) this.#shakeHands()
  }

  get requester(): Requester {
    return this.#chain.requester
  }

  get responder(): Responder {
    return this.#chain.responder
  }

  /** Whether somebody is there whom we dialled, and has not begun to say a handshake. */
  get silent(): boolean {
    return this.#silent && this.#chain.socket.reached
  }

  /** Whether it has everything, or says that it wants nothing. */
  get uploadOnly(): boolean {
    return this.requester.bits.full || this.about.uploadOnly === true
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

  /** Whether it is time to tell it of others. */
  tellable(now: number): boolean {
    return Boolean(this.about.extensions.get('ut_pex') && this.#pex?.due(now))
  }

  /** Queues a message, or a batch of them. @returns whether there is room for more */
  send(message: Outgoing): boolean {
    this.#said = this.#context.clock.now()
    return this.#chain.send(message)
  }

  /** Tells it what is new of those that are connected, by address (BEP 11). @param own where it listens itself */
  tellOf(connected: ReadonlyMap<string, PexPeer>, own: string | undefined, now: number): void {
    const id = this.about.extensions.get('ut_pex')
    const news = id ? this.#pex?.news(connected, own, now) : undefined
    if (news) this.send({ type: 'extended', id: id!, payload: encodePex(news) })
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
    const id = this.about.extensions.get('lt_donthave') ?? 0
    if (this.ready && id > 0) this.send({ type: 'extended', id, payload: encodeDontHave(index) })
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
      this.#context.upload.suggestions.left(this)
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
    this.#context.upload.suggestions.left(this)
    this.#chain.destroy()
    this.emit('close', error ?? this.#ending)
  }

  /** A seed says which pieces to fetch, so that it need not send them twice. */
  #suggest(): void {
    const { clock, upload } = this.#context
    const { bits, fast } = this.requester
    if (!fast || !upload.only() || upload.hidden) return
    for (const index of upload.suggestions.next(this, index => bits.has(index), clock.now())) {
      this.send({ type: 'suggest', index })
    }
  }

  #timeOut(what: string): void {
    this.destroy(new PeerError('ERR_TIMEOUT', `${formatAddress(this.address)}: ${what}`))
  }

  #take(message: Message): void {
    switch (message.type) {
      case 'handshake':
        this.#shake(message)
        return
      case 'request':
        if (this.#context.upload.suggestions.asked(this, message.index, this.#context.clock.now()))
          this.#suggest()
        this.responder.write(message)
        return
      case 'cancel':
        this.responder.write(message)
        return
      case 'interested':
      case 'notInterested':
        this.peerInterested = message.type === 'interested'
        this.emit('interest')
        return
      case 'port':
        this.#heardPort(message.port)
        return
      case 'extended':
        this.#extended(message.id, message.payload)
    }
  }

  #extended(id: number, payload: Uint8Array): void {
    if (id === EXTENDED_HANDSHAKE) {
      const more = parseExtendedHandshake(payload)
      // each names only what changed (BEP 10)
      const extensions = new Map([...this.about.extensions, ...more.extensions])
      this.about = { ...this.about, ...more, extensions }
      if (more.client) this.client = more.client
      this.emit('extended', more)
    } else if (id === EXTENSIONS.lt_donthave) {
      const index = parseDontHave(payload)
      if (index !== undefined) this.requester.lacks(index)
    } else if (id === EXTENSIONS.ut_pex && this.#pex) {
      const message = decodePex(payload)
      if (message) this.emit('peers', this.#pex.heard(message, this.#context.clock.now()))
    } else if (id === EXTENSIONS.ut_metadata) this.#metadata.take(payload)
  }

  #shakeHands(): void {
    const { dht, infoHash, peerId } = this.#context
    const reserved = reservedBytes('extended', 'fast', ...(dht() ? ['dht' as const] : []))
    this.send({ type: 'handshake', infoHash, peerId, reserved })
  }

  #shake({ infoHash, peerId, reserved }: Handshake): void {
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
      this.#chain.end()
      return
    }
    this.client = clientOf(peerId)
    this.ready = true
    this.readyAt = this.waitsSince = clock.now()
    this.#extends = supports(reserved, 'extended')
    if (this.#extends) this.#introduce()
    this.#claim(supports(reserved, 'fast'))
    if (this.#context.pex) this.#pex = new Pex(this.#chain.socket.remoteHost, clock.now())
    this.#port.owed = supports(reserved, 'dht')
    this.#tellPort()
    this.emit('ready')
  }

  /** Says that we want nothing more (BEP 21), to a peer that heard otherwise before. */
  tellUploadOnly(): void {
    // All of it again: libtorrent takes what a later handshake leaves out for switched off.
    if (this.ready && this.#extends) this.#introduce()
  }

  /** Says of ourselves what only the extension protocol lets us say. */
  #introduce(): void {
    const { client, info, pex, port, upload } = this.#context
    const { ut_pex, ...extensions } = EXTENSIONS
    const listening = port()
    const payload = encodeExtendedHandshake({
      client,
      reqq: OUR_REQQ,
      extensions: pex ? EXTENSIONS : extensions,
      metadataSize: info.length,
      yourIp: this.#chain.socket.remoteHost,
      ...(listening === undefined ? {} : { port: listening }),
      ...(upload.only() && !upload.hidden ? { uploadOnly: true } : {}),
    })
    this.send({ type: 'extended', id: EXTENDED_HANDSHAKE, payload })
  }

  /** Says where our DHT node is, once it can answer (BEP 5). */
  #tellPort(): void {
    if (!this.#port.owed) return
    const dht = this.#context.dht()
    const port = dht?.readOnly ? undefined : dht?.port(this.#chain.socket.remoteHost.includes(':') ? 6 : 4)
    if (!port) return
    this.#port.owed = false
    this.send({ type: 'port', port })
  }

  /** It said where its DHT node is. Once is enough. */
  #heardPort(port: number): void {
    if (port === 0 || this.#port.heard) return
    this.#port.heard = true
    this.#context.dht()?.add({ host: this.#chain.socket.remoteHost, port })
  }

  /** Says what we have. */
  #claim(fast: boolean): void {
    const { infoHash, pieceCount, upload } = this.#context
    const { told } = upload
    this.requester.fast = this.responder.fast = fast
    if (fast && told.full) this.send({ type: 'haveAll' })
    else if (told.count > 0) this.send({ type: 'bitfield', bytes: Uint8Array.from(told.bytes) })
    else if (fast) this.send({ type: 'haveNone' })
    if (!fast) return
    const address = this.#chain.socket.remoteHost
    for (const index of allowedFastSet({ address, infoHash, pieceCount, count: ALLOWED_FAST })) {
      if (!told.has(index)) continue
      this.responder.allow(index)
      this.send({ type: 'allowedFast', index })
    }
  }
}
