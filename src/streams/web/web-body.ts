import { addAbortListener } from 'node:events'
import type { HttpResponse } from '../../ports/http-client.ts'

const NOTHING: Uint8Array = new Uint8Array(0)

/** The body of one answer. It is read as far as it is needed; the rest can be read later, by another run. */
export class WebBody {
  /** Where the next byte lies in what the URL names, and where the last one ends. */
  position: number
  readonly end: number
  readonly #chunks: AsyncIterator<Uint8Array>
  readonly #control: AbortController
  #kept: Uint8Array = NOTHING
  #next: Promise<IteratorResult<Uint8Array>> | undefined

  /** @param control ends the exchange */
  constructor(body: HttpResponse['body'], from: number, to: number, control: AbortController) {
    this.#chunks = body[Symbol.asyncIterator]()
    this.position = from
    this.end = to
    this.#control = control
  }

  /**
   * The next bytes, at least 1 and at most `most`; undefined at its end. Rejects with the system's error, or with the
   * reason of `signal`: then it can be read on.
   */
  async read(most: number, signal: AbortSignal): Promise<Uint8Array | undefined> {
    while (this.#kept.length === 0) {
      this.#next ??= this.#chunks.next()
      const { done, value } = await unless(signal, this.#next)
      this.#next = undefined
      if (done) return undefined
      this.#kept = value
    }
    const bytes = this.#kept.subarray(0, most)
    this.#kept = this.#kept.subarray(bytes.length)
    this.position += bytes.length
    return bytes
  }

  /** Ends the exchange, whatever is left of it. */
  close(): void {
    this.#next?.catch(() => {})
    this.#control.abort()
  }
}

/** Settles as `work` does, or rejects when the signal is given. */
async function unless<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
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
