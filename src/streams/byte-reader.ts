import { StorageError } from '../errors.ts'
import { Readable, type Sink } from './stage.ts'

/**
 * A readable that programs pipe where they like, as Node's own: when its sink closes early, reading ends.
 *
 * streamx destroys a source with an error when the sink closes before the end. Without a listener that error would end
 * the process: an HTTP server that pipes to a response would die with the first client that leaves. So the error is
 * for the callback of `pipe` alone; without a callback the reader is destroyed without an error.
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
    if ((error as NodeJS.ErrnoException | undefined)?.code !== 'PREMATURE_CLOSE') super.destroy(error)
    else if (this.#hasPipeCallback) {
      super.destroy(new StorageError('ERR_ABORTED', 'the sink was closed before the last byte', error))
    } else super.destroy()
  }
}
