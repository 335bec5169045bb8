import { EventEmitter } from 'node:events'
import type net from 'node:net'
import type { Clock } from '../clock.ts'
import { formatAddress, type PeerAddress } from '../codec/compact.ts'
import { EXTENDED_HANDSHAKE, encodeExtendedHandshake, parseExtendedHandshake } from '../codec/extended.ts'
import { type Handshake, reservedBytes, supports } from '../codec/handshake.ts'
import type { Message } from '../codec/message.ts'
import { clientOf } from '../codec/peer-id.ts'
import { PeerError } from '../errors.ts'
import { Framer } from '../streams/framer.ts'
import type { Funnel } from '../streams/funnel.ts'
import { PeerSocket } from '../streams/peer-socket.ts'
import { type BlockSource, Requester } from '../streams/requester.ts'
import { type Outgoing, Serializer } from '../streams/serializer.ts'
import { RateWindow } from './window.ts'

/** What all peers of a torrent share. */
export interface PeerContext {
  readonly infoHash: Uint8Array
  readonly peerId: Uint8Array
  readonly pieceCount: number
  readonly source: BlockSource
  readonly funnel: Funnel
  readonly clock: Clock
  /** How we call ourselves: name and version. */
  readonly client: string
  readonly connect?: typeof net.connect
  /** The most bytes to read at once from one peer. */
  readonly readLimit: () => number
  /** The most requests under way to one peer, as our memory allows. */
  readonly windowLimit: () => number
}

export interface PeerEvents {
  /** Both handshakes are done. */
  ready: []
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
/** Requests that a peer takes at once when it doesn't say how many. */
const DEFAULT_REQQ = 250
/** Bytes of the longest message but a bitfield that anybody has a reason to send. */
const MAX_MESSAGE = 1 << 17

/** One connection, from dialling to its end: the stages joined, the handshakes, the time limits. */
export class Peer extends EventEmitter<PeerEvents> {
  readonly address: PeerAddress
  readonly requester: Requester
  readonly window: RateWindow
  /** Its name, once known. */
  client = 'unknown'
  peerId: Uint8Array | undefined
  /** Both handshakes are done. */
  ready = false
  readonly #context: PeerContext
  readonly #socket: PeerSocket
  readonly #serializer = new Serializer()
  readonly #stages: { destroy(error?: Error | null): void }[]
  #reqq = DEFAULT_REQQ
  #heard: number
  #said: number
  #closed = false

  constructor(address: PeerAddress, context: PeerContext) {
    super()
    const { clock, connect, funnel, pieceCount, readLimit, source, windowLimit } = context
    this.address = address
    this.#context = context
    this.#heard = this.#said = clock.now()
    this.window = new RateWindow(() => Math.min(this.#reqq, windowLimit()))
    this.#socket = new PeerSocket(address, { lend: true, readLimit, ...(connect ? { connect } : {}) })
    this.requester = new Requester({
      pieceCount,
      source,
      window: this.window,
      send: message => this.send(message),
      now: () => clock.now(),
      other: message => this.#take(message),
    })
    const framer = new Framer({
      places: this.requester,
      maxLength: Math.max(MAX_MESSAGE, 1 + Math.ceil(pieceCount / 8)),
      consumed: chunk => {
        this.#heard = clock.now()
        this.#socket.release(chunk)
      },
    })
    const inlet = funnel.inlet()
    this.#stages = [this.#socket, framer, this.requester, inlet, this.#serializer]
    for (const stage of [this.#socket, framer, this.requester, inlet, this.#serializer]) {
      stage.on('error', error => this.destroy(error))
      stage.on('close', () => this.destroy())
    }
    this.#socket.pipe(framer).pipe(this.requester).pipe(inlet)
    this.#serializer.pipe(this.#socket)
    this.send({
      type: 'handshake',
      infoHash: context.infoHash,
      peerId: context.peerId,
      reserved: reservedBytes('extended'),
    })
  }

  /** Queues a message, or a batch of them. */
  send(message: Outgoing): void {
    this.#said = this.#context.clock.now()
    this.#serializer.write(message)
  }

  /** Looks at the time limits. To be called now and then. */
  tick(now: number): void {
    if (!this.ready) {
      // counted from the start, not from the last byte: one byte now and then is no handshake
      if (now - this.#said > HANDSHAKE_TIMEOUT)
        this.#timeOut(`no handshake within ${HANDSHAKE_TIMEOUT / 1000} s`)
      return
    }
    if (now - this.#heard > IDLE_TIMEOUT) this.#timeOut(`silent for ${IDLE_TIMEOUT / 1000} s`)
    else if (now - this.#said > KEEP_ALIVE) this.send({ type: 'keepAlive' })
    this.requester.tick(now, REQUEST_TIMEOUT)
  }

  /** Ends the connection now. Idempotent. */
  destroy(error?: Error): void {
    if (this.#closed) return
    this.#closed = true
    for (const stage of this.#stages) stage.destroy()
    this.emit('close', error)
  }

  #timeOut(what: string): void {
    this.destroy(new PeerError('ERR_TIMEOUT', `${formatAddress(this.address)}: ${what}`))
  }

  #take(message: Message): void {
    if (message.type === 'handshake') this.#shake(message)
    else if (message.type === 'extended' && message.id === EXTENDED_HANDSHAKE) {
      const { client, reqq } = parseExtendedHandshake(message.payload)
      if (client) this.client = client
      if (reqq) this.#reqq = reqq
    }
  }

  #shake({ infoHash, peerId, reserved }: Handshake): void {
    const { client, infoHash: wanted, peerId: own } = this.#context
    if (Buffer.compare(infoHash, wanted) !== 0) {
      const got = Buffer.from(infoHash).toString('hex')
      throw new PeerError('ERR_HANDSHAKE', `answered for another torrent, ${got}`)
    }
    this.peerId = peerId
    if (Buffer.compare(peerId, own) === 0) throw new PeerError('ERR_HANDSHAKE', 'is ourselves')
    this.client = clientOf(peerId)
    this.ready = true
    if (supports(reserved, 'extended')) {
      this.send({ type: 'extended', id: EXTENDED_HANDSHAKE, payload: encodeExtendedHandshake(client) })
    }
    this.emit('ready')
  }
}
