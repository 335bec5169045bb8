import { EventEmitter } from 'node:events'
import { formatAddress, type PeerAddress } from '../codec/compact.ts'
import { EXTENDED_HANDSHAKE, encodeExtendedHandshake } from '../codec/extended.ts'
import { type Handshake, reservedBytes, supports } from '../codec/handshake.ts'
import type { Message } from '../codec/message.ts'
import { METADATA_PIECE, type MetadataMessage, UT_METADATA } from '../codec/metadata.ts'
import { PeerError } from '../errors.ts'
import { MAX_TORRENT_SIZE } from '../metainfo/parse.ts'
import { Framer } from '../streams/framer.ts'
import { MetadataRequester } from '../streams/metadata-requester.ts'
import { PeerSocket } from '../streams/peer-socket.ts'
import { Serializer } from '../streams/serializer.ts'
import { acceptedStages, type CipherStages, diallingStages } from './encryption.ts'
import type { Accepted } from './listener.ts'
import { MessageBudget } from './message-budget.ts'
import type { PeerContext } from './peer-context.ts'

/** What is known of a torrent before its metadata is. */
export type MetadataContext = Pick<
  PeerContext,
  'infoHash' | 'load' | 'peerId' | 'clock' | 'client' | 'port' | 'connect' | 'bind' | 'encryption'
>

export interface MetadataPeerEvents {
  /** It says that it has metadata of so many bytes. */
  offer: [size: number]
  /** It sent a piece. */
  piece: [piece: number, data: Uint8Array]
  /** It refused one. */
  reject: []
  /** It listens at this port. */
  listens: [port: number]
  /** The last event: it is gone, for this reason. */
  close: [error: Error | undefined]
}

/** Milliseconds within which a peer has to be connected, and both handshakes said, in all. */
const HANDSHAKE_TIMEOUT = 10_000
/** Milliseconds that a peer may owe us an answer, or have nothing to offer. */
const ANSWER_TIMEOUT = 15_000
/** Bytes of the longest message: the bitfield of as many pieces as any torrent has. */
const MAX_MESSAGE = Math.max(2 * METADATA_PIECE, Math.ceil(MAX_TORRENT_SIZE / 20 / 8) + 1)

/**
 * One connection while only the info-hash of a torrent is known:
 *
 *     PeerSocket -> Framer -> MetadataRequester -> Serializer -> PeerSocket
 *
 * With encryption, Decipher and Encipher stand next to the PeerSocket.
 */
export class MetadataPeer extends EventEmitter<MetadataPeerEvents> {
  readonly address: PeerAddress
  readonly incoming: boolean
  readonly encrypted: boolean
  /** 20 bytes, once its handshake came. */
  peerId: Uint8Array | undefined
  /** It offers metadata. */
  ready = false
  readonly #context: MetadataContext
  readonly #socket: PeerSocket
  readonly #serializer = new Serializer()
  readonly #requester: MetadataRequester
  readonly #stages: readonly { destroy(): void }[]
  readonly #since: number
  #silent = true
  #ending = false
  #closed = false

  /** @param encrypted whether to dial with encryption */
  constructor(to: PeerAddress | Accepted, context: MetadataContext, encrypted = false) {
    super()
    const { bind, clock, connect, encryption, infoHash } = context
    this.#context = context
    this.#since = clock.now()
    this.incoming = 'socket' in to
    const ciphers = 'socket' in to ? to.ciphers : undefined
    this.encrypted = this.incoming ? ciphers !== undefined : encrypted
    this.#socket = new PeerSocket('socket' in to ? to.socket : to, {
      lend: true,
      ...('socket' in to && !ciphers ? { head: to.head } : {}),
      ...(connect ? { connect } : {}),
      ...(bind ? { bind } : {}),
    })
    this.address = this.#socket.address
    const framer = new Framer({
      pace: new MessageBudget(clock, 0, context.load),
      maxLength: MAX_MESSAGE,
      // nothing of the torrent itself is wanted yet
      places: { place: () => null, placed: () => {} },
      consumed: chunk => {
        this.#silent = false
        this.#socket.release(chunk)
      },
    })
    this.#requester = new MetadataRequester({
      shaken: handshake => this.#shake(handshake),
      extended: ({ metadataSize, port }) => {
        if (port !== undefined) this.emit('listens', port)
        if (!this.#requester.able || metadataSize === undefined) return
        this.ready = true
        this.emit('offer', metadataSize)
      },
      answered: message => this.#answered(message),
    })
    let cipher: CipherStages | undefined
    if (ciphers) cipher = acceptedStages(ciphers, (to as Accepted).head)
    else if (this.encrypted)
      cipher = diallingStages(infoHash, encryption, chunk => this.#socket.release(chunk))
    const between = cipher ? [cipher.decipher, cipher.encipher] : []
    const stages = [this.#socket, framer, this.#requester, this.#serializer, ...between]
    this.#stages = stages
    for (const stage of stages) {
      const matters = () => !this.#ending || stage === this.#socket
      stage.on('error', error => matters() && this.destroy(error))
      stage.on('close', () => matters() && this.destroy())
    }
    const from = cipher ? this.#socket.pipe(cipher.decipher) : this.#socket
    const bytes = from.pipe(framer).pipe(this.#requester).pipe(this.#serializer)
    const toSocket = cipher ? bytes.pipe(cipher.encipher) : bytes
    toSocket.pipe(this.#socket)
    if (!this.incoming) this.#requester.push(this.#handshake())
  }

  /** Whether somebody is there whom we dialled, and has not begun to say a handshake. */
  get silent(): boolean {
    return this.#silent && this.#socket.reached
  }

  ask(pieces: readonly number[]): void {
    this.#requester.ask(pieces)
  }

  /** Looks at the time limits. @param owesSince since when it owes us an answer */
  tick(now: number, owesSince: number | undefined): void {
    const late = (since: number, limit: number, what: string) => {
      if (now - since > limit) this.#fail('ERR_TIMEOUT', `${what} within ${limit / 1000} s`)
    }
    if (!this.peerId) late(this.#since, HANDSHAKE_TIMEOUT, 'no handshake')
    else if (!this.ready) late(this.#since, ANSWER_TIMEOUT, 'offered no metadata')
    else if (owesSince !== undefined) late(owesSince, ANSWER_TIMEOUT, 'sent no metadata')
  }

  /** Says nothing more, and waits for the other side to end as well: then it knows that we are gone. */
  end(): void {
    if (this.#closed || this.#ending) return
    this.#ending = true
    if (this.#socket.reached) this.#requester.push(null)
    else this.destroy()
  }

  /** Ends the connection now. Idempotent. */
  destroy(error?: Error): void {
    if (this.#closed) return
    this.#closed = true
    for (const stage of this.#stages) stage.destroy()
    this.emit('close', this.#ending ? undefined : error)
  }

  #fail(code: 'ERR_TIMEOUT' | 'ERR_HANDSHAKE', what: string): void {
    this.destroy(new PeerError(code, `${formatAddress(this.address)}: ${what}`))
  }

  #handshake(): Message {
    const { infoHash, peerId } = this.#context
    return { type: 'handshake', infoHash, peerId, reserved: reservedBytes('extended', 'fast') }
  }

  #shake({ infoHash, peerId, reserved }: Handshake): readonly Message[] {
    const { client, infoHash: wanted, peerId: own, port } = this.#context
    if (Buffer.compare(infoHash, wanted) !== 0) {
      const got = Buffer.from(infoHash).toString('hex')
      throw new PeerError('ERR_HANDSHAKE', `answered for another torrent, ${got}`)
    }
    this.peerId = peerId
    if (Buffer.compare(peerId, own) === 0) throw new PeerError('ERR_HANDSHAKE', 'is ourselves')
    if (!supports(reserved, 'extended')) throw new PeerError('ERR_HANDSHAKE', 'has no extension protocol')
    const listening = port()
    const payload = encodeExtendedHandshake({
      client,
      reqq: 250,
      extensions: { ut_metadata: UT_METADATA },
      yourIp: this.#socket.remoteHost,
      ...(listening === undefined ? {} : { port: listening }),
    })
    const about: Message[] = [{ type: 'extended', id: EXTENDED_HANDSHAKE, payload }]
    if (supports(reserved, 'fast')) about.push({ type: 'haveNone' })
    return this.incoming ? [this.#handshake(), ...about] : about
  }

  #answered(message: MetadataMessage): void {
    if (message.type === 'data') this.emit('piece', message.piece, message.data)
    else this.emit('reject')
  }
}
