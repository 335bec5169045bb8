import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { addressKey } from '../codec/address-key.ts'
import type { Clock } from '../ports/clock.ts'
import type { Admitted } from './admission.ts'

/** Maximum number of pipelined requests that wait while another one is answered. A connection with more is closed. */
const MAX_PIPELINED = 64

/** A client's connection. It answers one request at a time: the next begins when the response before it was sent. */
export class HttpConnection implements Admitted {
  readonly socket: Socket
  readonly group: string
  authenticated = false
  lastActive: number
  readonly #clock: Clock
  readonly #closed = new AbortController()
  /** The answer that is being sent, and those that wait behind it. */
  readonly #answers: (() => void)[] = []

  constructor(socket: Socket, clock: Clock) {
    this.socket = socket
    this.group = addressKey(socket.remoteAddress ?? '')
    this.#clock = clock
    this.lastActive = clock.now()
    socket.once('close', () => {
      this.#answers.length = 0
      this.#closed.abort()
    })
  }

  get busy(): boolean {
    return this.#answers.length > 0
  }

  /** Aborted when the connection is closed. */
  get closed(): AbortSignal {
    return this.#closed.signal
  }

  /** Notes that the client sent a request or received bytes. */
  touch(): void {
    this.lastActive = this.#clock.now()
  }

  /** Calls `answer` once the responses to all earlier requests were sent. */
  enqueue(response: ServerResponse, answer: () => void): void {
    if (this.socket.destroyed) return
    if (this.#answers.length > MAX_PIPELINED) {
      this.socket.destroy()
      return
    }
    this.touch()
    response.once('close', () => {
      this.touch()
      this.#answers.shift()
      this.#answers[0]?.()
    })
    this.#answers.push(answer)
    if (this.#answers.length === 1) answer()
  }
}
