/**
 * Classes of streamx, as base classes of stages, with our errors.
 *
 * streamx reports a stream that closed before its end as a StreamError: STREAM_DESTROYED from `for await`, PREMATURE_CLOSE to
 * the callback and the streams of `pipe`. A stage reports a StorageError with ERR_ABORTED instead, with that error as cause.
 */
import { checkArgument } from '../codec/check-arguments.ts'
import { StorageError } from '../errors.ts'

/**
 * The error of streamx for a stream that was destroyed without one. streamx would make one for each stream and record its
 * stack twice, and a connection has seven streams.
 */
const DESTROYED_ERROR = Object.assign(new Error('Stream was destroyed'), { code: 'STREAM_DESTROYED' })

type Callback = (error?: Error | null) => void
type Class<T> = new (options?: object) => T

interface Destroyable {
  readonly destroying: boolean
  destroy(error?: Error | null): void
}

interface Iterable extends Destroyable {
  pipe(target: unknown, done?: Callback): unknown
  [Symbol.asyncIterator](): AsyncIterableIterator<unknown>
}

/** Returns a class of streams that fail with our error when a pipe closes early. @param base a class of streamx */
export function withAbortErrors(base: unknown): unknown {
  return class extends (base as Class<Destroyable>) {
    constructor(options: object = {}) {
      checkArgument('options', options, 'object')
      super(options)
    }

    override destroy(error?: Error | null): void {
      // A pipe that breaks destroys both of its sides: for one that is destroyed already, no error is made.
      super.destroy(error && !this.destroying ? abortErrorOf(error) : (error ?? DESTROYED_ERROR))
    }
  }
}

/** Does the same for a class with a readable side: its loops and the callbacks of its pipes get our error, too. */
export function withReadErrors(base: unknown): unknown {
  return class extends (withAbortErrors(base) as Class<Iterable>) {
    override pipe(target: unknown, done?: Callback): unknown {
      // pipeline of Node passes options in place of a callback
      if (typeof done !== 'function') return super.pipe(target, done)
      return super.pipe(target, error => done(error && abortErrorOf(error)))
    }

    override [Symbol.asyncIterator](): AsyncIterableIterator<unknown> {
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
}

/** Returns true if a stage failed because a stage that it is piped with closed before its end. */
export function isEarlyClose(error: Error): boolean {
  return [error, error.cause].some(
    each => (each as NodeJS.ErrnoException | undefined)?.code === 'PREMATURE_CLOSE',
  )
}

/** Returns an error as it is, and that of streamx for a stream that closed early as one of ours. */
function abortErrorOf(error: Error): Error {
  const { code } = error as NodeJS.ErrnoException
  if (code === 'STREAM_DESTROYED')
    return new StorageError('ERR_ABORTED', 'the stream was destroyed before its end', error)
  if (code !== 'PREMATURE_CLOSE') return error
  const side = error.message.startsWith('Writable') ? 'sink' : 'source'
  return new StorageError('ERR_ABORTED', `the ${side} was closed before its end`, error)
}
