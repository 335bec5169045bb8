import { isEarlyClose } from './abort-errors.ts'
import { Readable, type Sink } from './stage.ts'

/**
 * The base class of the readers that programs get, which behave as a Readable of Node when their sink closes early.
 *
 * A stage fails with an error when its sink closes before the end. Without a listener that error would end the process: an
 * HTTP server that pipes to a response would die with the first client that leaves. So a reader passes this error only to the
 * callback of `pipe`. Without a callback the reader is destroyed without an error.
 */
export abstract class ByteReader extends Readable<Uint8Array> {
  #hasPipeCallback = false

  override pipe<T extends Sink<Uint8Array> | NodeJS.WritableStream>(
    target: T,
    done?: (error?: Error | null) => void,
  ): T {
    this.#hasPipeCallback = done !== undefined
    return super.pipe(target, done)
  }

  override destroy(error?: Error | null): void {
    super.destroy(error && isEarlyClose(error) && !this.#hasPipeCallback ? null : error)
  }
}
