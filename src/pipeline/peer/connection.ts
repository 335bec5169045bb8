import type { PeerAddress } from '../../codec/compact.ts'
import { MAX_TORRENT_SIZE } from '../../metainfo/parse.ts'
import { Dispatcher, type MessageHandlers } from '../../streams/peer/dispatcher.ts'
import { Framer } from '../../streams/peer/framer.ts'
import type { Outgoing } from '../../streams/peer/outgoing.ts'
import { PeerSocket } from '../../streams/peer/peer-socket.ts'
import { Requester, type RequestWindow } from '../../streams/peer/requester.ts'
import { Responder } from '../../streams/peer/responder.ts'
import { Serializer } from '../../streams/peer/serializer.ts'
import type { AcceptedConnection } from './accepted-connection.ts'
import { acceptedStages, type CipherStages, diallingStages } from './encryption.ts'
import { MessageBudget } from './message-budget.ts'
import type { PeerContext } from './peer-context.ts'

export interface ConnectionOptions {
  /** Where to dial, or a connection that was accepted, with what was read of it already. */
  readonly to: PeerAddress | AcceptedConnection
  /** Whether to dial with encryption. */
  readonly encrypted: boolean
  readonly context: PeerContext
  readonly window: RequestWindow
  /** Blocks to read and send at once. */
  readonly run: () => number
  /** Whether requests for a piece wait until there are no others. */
  readonly later: (index: number) => boolean
  /** Bytes came. */
  readonly heard: () => void
  /** Bytes went. */
  readonly sent: () => void
  /** What waited for the peer is on its way: there is room for more. */
  readonly drained: () => void
  /** Handles the messages that are not about blocks. */
  readonly handlers: MessageHandlers
  /** The first stage that ended, and why: the others are to be ended as well. */
  readonly ended: (error?: Error) => void
}

/** Bytes of the longest message but a bitfield that anybody has a reason to send. */
const MAX_MESSAGE = 1 << 17
/** Pieces of the largest torrent: the longest bitfield while the metadata is not known. */
const MAX_PIECES = MAX_TORRENT_SIZE / 20

/**
 * The stages of one peer, joined:
 *
 *     PeerSocket -> Framer -> Dispatcher -> Requester -> the torrent's Funnel
 *         ^                       |
 *         '--- Serializer <- Responder
 *
 * With encryption, Decipher and Encipher stand next to the PeerSocket; without, nothing does.
 */
export class Connection {
  readonly socket: PeerSocket
  readonly requester: Requester
  readonly responder: Responder
  readonly #serializer = new Serializer()
  readonly #stages: readonly { destroy(): void }[]
  #ending = false

  constructor({
    to,
    encrypted,
    context,
    window,
    run,
    later,
    heard,
    sent,
    drained,
    handlers,
    ended,
  }: ConnectionOptions) {
    const { bind, clock, connect, funnel, limits } = context
    const incoming = 'socket' in to
    const ciphers = incoming ? to.ciphers : undefined
    this.socket = new PeerSocket(incoming ? to.socket : to, {
      lend: true,
      readLimit: limits.read,
      written: bytes => {
        sent()
        this.responder.release(bytes)
      },
      ...(incoming && !ciphers ? { head: to.head } : {}),
      ...(limits.down ? { limit: limits.down } : {}),
      ...(connect ? { connect } : {}),
      ...(bind ? { bind } : {}),
    })
    this.requester = new Requester({
      window,
      send: message => this.send(message),
      now: () => clock.now(),
    })
    const framer = new Framer({
      places: this.requester,
      maxLength: Math.max(MAX_MESSAGE, 1 + Math.ceil((context.torrent?.pieceCount ?? MAX_PIECES) / 8)),
      consumed: chunk => {
        heard()
        this.socket.release(chunk)
      },
      pace: new MessageBudget(clock, context.torrent?.pieceCount ?? 0, context.load),
    })
    this.responder = new Responder({
      failed: (error, index) => context.torrent?.upload.failed(error, index),
      pool: limits.pool,
      run: () => Math.min(limits.run(), run()),
      later,
      ...(limits.up ? { limit: limits.up } : {}),
    })
    this.#serializer.on('drain', drained)
    const inlet = funnel.inlet()
    let cipher: CipherStages | undefined
    if (ciphers) cipher = acceptedStages(ciphers, (to as AcceptedConnection).head)
    else if (encrypted && !incoming)
      cipher = diallingStages(context.infoHash, context.encryption, chunk => this.socket.release(chunk))
    const between = cipher ? [cipher.decipher, cipher.encipher] : []
    const dispatcher = new Dispatcher(handlers)
    const stages = [
      this.socket,
      framer,
      dispatcher,
      this.requester,
      inlet,
      this.responder,
      this.#serializer,
      ...between,
    ]
    this.#stages = stages
    for (const stage of stages) {
      // once it ends, the last word is the socket's: it has still to send what waits
      const matters = () => !this.#ending || stage === this.socket
      stage.on('error', error => matters() && ended(error))
      stage.on('close', () => matters() && ended())
    }
    const from = cipher ? this.socket.pipe(cipher.decipher) : this.socket
    from.pipe(framer).pipe(dispatcher).pipe(this.requester).pipe(inlet)
    const bytes = dispatcher.requests.pipe(this.responder).pipe(this.#serializer)
    const toSocket = cipher ? bytes.pipe(cipher.encipher) : bytes
    toSocket.pipe(this.socket)
  }

  /** Queues a message, or a batch of them; it goes ahead of the blocks that wait. @returns whether there is room for more */
  send(message: Outgoing): boolean {
    return this.#serializer.write(message)
  }

  /** Says nothing more than what waits, and then that this was all. */
  end(): void {
    this.#ending = true
    this.#serializer.end()
  }

  /** Ends all stages now. Idempotent. */
  destroy(): void {
    for (const stage of this.#stages) stage.destroy()
  }
}
