import { addAbortListener } from 'node:events'
import type { HttpResponse } from '../../ports/http-client.ts'

const NO_BYTES: Uint8Array = new Uint8Array(0)

/** The body of one response. It is read as far as needed, and the rest later by another run. */
export class WebBody {
  /** The position of the next byte in the file of the URL, and of the byte after the last. */
  position: number
  readonly end: number
  readonly #chunks: AsyncIterator<Uint8Array>
  readonly #control: AbortController
  #kept: Uint8Array = NO_BYTES
  #next: Promise<IteratorResult<Uint8Array>> | undefined

  /** @param control aborts the request */
  constructor(body: HttpResponse['body'], from: number, to: number, control: AbortController) {
    this.#chunks = body[Symbol.asyncIterator]()
    this.position = from
    this.end = to
    this.#control = control
  }

  /**
   * Resolves with the next bytes, from 1 to `maxLength`, or undefined at the end. Rejects with the system's error, or with the
   * reason of `signal`. After the latter, reading can continue.
   */
  async read(maxLength: number, signal: AbortSignal): Promise<Uint8Array | undefined> {
    while (this.#kept.length === 0) {
      this.#next ??= this.#chunks.next()
      const { done, value } = await raceAbort(signal, this.#next)
      this.#next = undefined
      if (done) return undefined
      this.#kept = value
    }
    const bytes = this.#kept.subarray(0, maxLength)
    this.#kept = this.#kept.subarray(bytes.length)
    this.position += bytes.length
    return bytes
  }

  /** Aborts the rest of the response. */
  close(): void {
    this.#next?.catch(() => {})
    this.#control.abort()
  }
}

/** Settles as `work` does, or rejects when the signal is aborted. */
async function raceAbort<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  signal.throwIfAborted()
  let reject = (_: unknown): void => {}
  const aborted = new Promise<never>((_, rejectPromise) => {
    reject = rejectPromise
  })
  const listener = addAbortListener(signal, () => reject(signal.reason))
  try {
    return await Promise.race([work, aborted])
  } finally {
    listener[Symbol.dispose]()
  }
}
