import { checkArgument, checkOptions } from '../../codec/check-arguments.ts'
import { describeValue } from '../../codec/quote.ts'
import { InputError, StorageError } from '../../errors.ts'
import type { FileSystem } from '../../ports/file-system.ts'
import { SpillFile } from '../../storage/spill-file.ts'
import { Spill } from '../../streams/read/spill.ts'
import { type AnyWritable, SinkWriter } from './sink-writer.ts'

/** Bytes for several: a FileReader, a tar archive, or any Readable. */
export interface FanSource extends AsyncIterable<Uint8Array> {
  destroy(error?: Error): unknown
  /** Takes back a chunk that was lent. */
  release?(chunk: Uint8Array): void
  on?(event: 'error', listener: (error: Error) => void): unknown
}

/** A sink, and what happens when it is slow. */
export interface Destination {
  /** Any Writable; ended after the last byte, destroyed with the error if that does not come. */
  readonly sink: AnyWritable
  /** `block`: all wait for it. `spill`: nobody does; what it is behind rests in a temporary file. @default 'block' */
  readonly policy?: 'block' | 'spill'
  /** `spill`: bytes of it that wait in memory. @default 8 MiB */
  readonly memory?: number
}

/** Options of `fanOut`. */
export interface FanOutOptions {
  /** One that fails ends all. @default false: the others go on while there are any */
  readonly together?: boolean
  /**
   * The source lends its chunks: each is given back once every sink has done with it, or all are destroyed:
   * then the last bytes of a sink that was still writing may be others. @default false
   */
  readonly lend?: boolean
  /** Ends it: every sink is destroyed with the signal's reason. */
  readonly signal?: AbortSignal
  /** The directory of temporary files. @default os.tmpdir() */
  readonly directory?: string
  /** Where that is. @default the disk of this machine */
  readonly fs?: FileSystem
}

/**
 * One source to several sinks at once. Returns a promise for each: it resolves when that sink has finished with every
 * byte, and rejects with its own error, or with the source's, which destroys all of them: none is ended before the end.
 * When no sink is left, the source is destroyed.
 *
 *     await Promise.all(fanOut(file.stream(), [{ sink: toDisk }, { sink: toPlayer, policy: 'spill' }]))
 *
 * in            FanSource, read once, from where it is
 * out           Uint8Array to each sink
 * backpressure  of the slowest that blocks, and of the disk for those that spill
 * fails with    each its own
 */
export function fanOut(
  source: FanSource,
  destinations: readonly Destination[],
  options: FanOutOptions = {},
): readonly Promise<void>[] {
  checkFanOut(source, destinations, options)
  const { together = false, lend = false, signal, directory, fs } = options
  const place = { ...(directory === undefined ? {} : { directory }), ...(fs ? { fs } : {}) }
  const outlets = destinations.map(({ sink, policy = 'block', memory }) => {
    if (policy === 'block') return new SinkWriter(sink)
    const bounds = memory === undefined ? {} : { memory }
    return new SinkWriter(sink, new Spill({ backlog: new SpillFile(place), lend, ...bounds }))
  })
  const fail = (error: Error) => {
    for (const outlet of outlets) outlet.destroy(error)
    source.destroy(error)
  }
  for (const { done } of outlets) {
    done.catch(error => {
      if (together || outlets.every(({ closed }) => closed)) fail(error)
    })
  }
  const abort = () => fail(signal!.reason)
  if (signal?.aborted) abort()
  else signal?.addEventListener('abort', abort, { once: true })
  source.on?.('error', fail) // at once, also while a sink makes us wait
  // streamx does not tell of its own error when a stream is destroyed with that
  carry(source, outlets, lend).catch(error => fail(error.code === 'STREAM_DESTROYED' ? closedEarly() : error))
  const ends = outlets.map(({ done }) => done)
  void Promise.allSettled(ends).then(() => signal?.removeEventListener('abort', abort))
  return ends
}

function checkFanOut(source: FanSource, destinations: readonly Destination[], options: FanOutOptions): void {
  checkArgument('source', source, 'object')
  checkArgument('source[Symbol.asyncIterator]', source[Symbol.asyncIterator], 'function')
  checkArgument('destinations', destinations, 'array')
  if (destinations.length === 0) throw new InputError('ERR_USAGE', 'destinations: expected at least one')
  for (const [index, destination] of destinations.entries()) {
    const name = `destinations[${index}]`
    checkArgument(name, destination, 'object')
    const { memory, policy = 'block', sink } = destination
    checkArgument(`${name}.sink`, sink, 'object')
    if (memory !== undefined) checkArgument(`${name}.memory`, memory, 'positive')
    if (policy === 'block' || policy === 'spill') continue
    throw new InputError(
      'ERR_USAGE',
      `${name}.policy: expected 'block' or 'spill', got ${describeValue(policy)}`,
    )
  }
  checkOptions(options, {
    directory: 'text',
    fs: 'object',
    lend: 'boolean',
    signal: 'signal',
    together: 'boolean',
  })
}

function closedEarly(): StorageError {
  return new StorageError('ERR_ABORTED', 'the source was closed before its end')
}

async function carry(source: FanSource, outlets: readonly SinkWriter[], lend: boolean): Promise<void> {
  for await (const chunk of source) {
    let holders = outlets.length
    const taken = () => {
      if (--holders === 0 && lend) source.release?.(chunk)
    }
    for (const wait of outlets.map(outlet => outlet.write(chunk, taken))) await wait
  }
  for (const outlet of outlets) outlet.end()
}
