import type net from 'node:net'
import type { PeerAddress } from '../codec/compact.ts'
import type { Message } from '../codec/message.ts'
import { Framer } from '../streams/framer.ts'
import type { Outgoing } from '../streams/outgoing.ts'
import { PeerSocket } from '../streams/peer-socket.ts'
import { Requester, type RequestWindow } from '../streams/requester.ts'
import { Responder } from '../streams/responder.ts'
import { Serializer } from '../streams/serializer.ts'
import type { PeerContext } from './peer-context.ts'

export interface ChainOptions {
  /** Where to dial, or a connection that was accepted, with what was read of it already. */
  readonly to: PeerAddress | { readonly socket: net.Socket; readonly head: Uint8Array }
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
  /** What neither asks for blocks nor brings them. */
  readonly other: (message: Message) => void
  /** The first stage that ended, and why: the others are to be ended as well. */
  readonly ended: (error?: Error) => void
}

/** Bytes of the longest message but a bitfield that anybody has a reason to send. */
const MAX_MESSAGE = 1 << 17

/**
 * The stages of one peer, joined:
 *
 *     PeerSocket -> Framer -> Requester -> the torrent's Funnel
 *         ^                       |
 *         '----- Serializer <- Responder
 */
export class Chain {
  readonly socket: PeerSocket
  readonly requester: Requester
  readonly responder: Responder
  readonly #serializer = new Serializer()
  readonly #stages: readonly { destroy(): void }[]
  #ending = false

  constructor({ to, context, window, run, later, heard, sent, other, ended }: ChainOptions) {
    const { bind, clock, connect, download, limits, upload } = context
    const incoming = 'socket' in to
    this.socket = new PeerSocket(incoming ? to.socket : to, {
      lend: true,
      readLimit: limits.read,
      written: bytes => {
        sent()
        this.responder.release(bytes)
      },
      ...(incoming ? { head: to.head } : {}),
      ...(limits.down ? { limit: limits.down } : {}),
      ...(connect ? { connect } : {}),
      ...(bind ? { bind } : {}),
    })
    this.requester = new Requester({
      pieceCount: context.pieceCount,
      source: download.source,
      window,
      send: message => this.send(message),
      now: () => clock.now(),
      other,
    })
    const framer = new Framer({
      places: this.requester,
      maxLength: Math.max(MAX_MESSAGE, 1 + Math.ceil(context.pieceCount / 8)),
      consumed: chunk => {
        heard()
        this.socket.release(chunk)
      },
    })
    this.responder = new Responder({
      pieceLength: context.pieceLength,
      length: context.length,
      storage: upload.storage,
      has: upload.has,
      failed: upload.failed,
      pool: upload.pool,
      run: () => Math.min(limits.run(), run()),
      later,
      ...(limits.up ? { limit: limits.up } : {}),
    })
    const inlet = download.funnel.inlet()
    const stages = [this.socket, framer, this.requester, inlet, this.responder, this.#serializer]
    this.#stages = stages
    for (const stage of stages) {
      // once it ends, the last word is the socket's: it has still to send what waits
      const matters = () => !this.#ending || stage === this.socket
      stage.on('error', error => matters() && ended(error))
      stage.on('close', () => matters() && ended())
    }
    this.socket.pipe(framer).pipe(this.requester).pipe(inlet)
    this.responder.pipe(this.#serializer).pipe(this.socket)
  }

  /** Queues a message, or a batch of them; it goes ahead of the blocks that wait. */
  send(message: Outgoing): void {
    this.#serializer.write(message)
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
