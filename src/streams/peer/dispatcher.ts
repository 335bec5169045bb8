import type { Message } from '../../codec/message.ts'
import { isEarlyClose } from '../abort-errors.ts'
import { ParkedCallback } from '../parked-callback.ts'
import { type Done, Readable, type Source, Transform } from '../stage.ts'
import type { Incoming } from './incoming.ts'

/** A request of the peer for a block or for hashes, or the cancel of one. */
export type UploadRequest = Message & { readonly type: 'request' | 'cancel' | 'hashRequest' }

/** Handlers of messages by type. A handler may return a message that is passed on instead; errors end the stage. */
export type MessageHandlers = {
  readonly [Type in Message['type']]?: (message: Message & { readonly type: Type }) => Incoming | undefined
}

/** Memory of a waiting message, roughly, in bytes. */
const MESSAGE_BYTES = 64

/**
 * Distributes the messages of a peer: requests and cancels to `requests`, messages with a handler to that handler. All
 * others pass through in order.
 *
 * in            Incoming, from the peer's Framer
 * out           Incoming, for the Requester; `requests`: UploadRequest, for the Responder
 * backpressure  takes no message while 1,024 messages wait in either output. The Requester does not wait for the disk, so
 *               a slow download does not hold back requests
 * fails with    errors of the handlers
 * BEP           3, 6, 10
 */
export class Dispatcher extends Transform<Incoming, Incoming> {
  readonly #handlers: MessageHandlers
  #requests: UploadRequests | undefined

  constructor(handlers: MessageHandlers = {}) {
    super({ highWaterMark: 65536, byteLength: () => MESSAGE_BYTES })
    this.#handlers = handlers
  }

  /**
   * The requests and cancels of the peer. They are dropped unless this property was read, and once their reader has closed.
   * An error of the reader destroys the dispatcher.
   */
  get requests(): Source<UploadRequest> {
    if (!this.#requests) {
      this.#requests = new UploadRequests()
      this.#requests.on('error', error => {
        if (!isEarlyClose(error)) this.destroy(error)
      })
      if (this.destroying) this.#requests.destroy()
    }
    return this.#requests
  }

  override _transform(message: Incoming, done: Done<Incoming>): void {
    if (message.type === 'blocks') {
      done(null, message) // the most frequent type: no handler to look up
      return
    }
    if (message.type === 'request' || message.type === 'cancel' || message.type === 'hashRequest') {
      if (this.#requests) this.#requests.add(message as UploadRequest, done)
      else done()
      return
    }
    this.#handle(message, done)
  }

  override _flush(done: Done<Incoming>): void {
    this.#requests?.push(null)
    done()
  }

  override _predestroy(): void {
    this.#requests?.destroy()
  }

  #handle(message: Incoming, done: Done<Incoming>): void {
    const handler = (
      this.#handlers as Record<string, ((message: Incoming) => Incoming | undefined) | undefined>
    )[message.type]
    let output: Incoming | undefined = message
    try {
      if (handler) output = handler(message)
    } catch (error) {
      done(error as Error)
      return
    }
    done(null, output)
  }
}

/** The output for the Responder. */
class UploadRequests extends Readable<UploadRequest> {
  readonly #parked = new ParkedCallback()

  constructor() {
    super({ highWaterMark: 65536, byteLength: () => MESSAGE_BYTES })
  }

  /** Adds a message. Calls `done` at once, or when there is room for more. */
  add(message: UploadRequest, done: Done): void {
    if (this.destroying || this.push(message)) done()
    else this.#parked.park(done)
  }

  override _read(done: Done): void {
    this.#parked.release()
    done()
  }

  override _predestroy(): void {
    this.#parked.release()
  }
}
