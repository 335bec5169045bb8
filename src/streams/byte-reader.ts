import { StorageError } from '../errors.ts'
import { Readable, type Sink } from './stage.ts'

/**
 * A readable for programs, which pipe it where they like, as Node's own: when its sink closes early, reading ends.
 *
 * streamx destroys a source with an error when the sink closes before the end. Without a listener that error would end
 * the process: an HTTP server that pipes to a response would die with the first client that leaves. So the error is
 * for the callback of `pipe` alone; without a callback the reader is destroyed without an error.
 *
 * Where streamx reports that the reader was destroyed, a program gets a StorageError with ERR_ABORTED.
 */
export abstract class ByteReader extends Readable<Uint8Array> {
  #hasPipeCallback = false

  override pipe<T extends Sink<Uint8Array> | NodeJS.WritableStream>(
    target: T,
    done?: (error?: Error | null) => void,
  ): T {
    this.#hasPipeCallback = done !== undefined
    // pipeline of Node passes options in its place
    if (typeof done !== 'function') return super.pipe(target, done)
    return super.pipe(target, error => done(error && abortErrorOf(error)))
  }

  override destroy(error?: Error | null): void {
    if ((error as NodeJS.ErrnoException | undefined)?.code !== 'PREMATURE_CLOSE') super.destroy(error)
    else if (this.#hasPipeCallback) {
      super.destroy(new StorageError('ERR_ABORTED', 'the sink was closed before the last byte', error))
    } else super.destroy()
  }

  override [Symbol.asyncIterator](): AsyncIterableIterator<Uint8Array> {
    const iterator = super[Symbol.asyncIterator]()
    const fail = (error: Error) => {
      throw abortErrorOf(error)
    }
    return {
      next: () => iterator.next().catch(fail),
      return: () => iterator.return!().catch(fail),
      [Symbol.asyncIterator]() {
        return this
      },
    }
  }
}

/** Returns an error as it is, and that of streamx for a destroyed stream as one of ours. */
function abortErrorOf(error: Error): Error {
  const { code } = error as NodeJS.ErrnoException
  if (code !== 'STREAM_DESTROYED' && code !== 'PREMATURE_CLOSE') return error
  return new StorageError('ERR_ABORTED', 'the reader was destroyed before the last byte', error)
}
