import { addAbortListener } from 'node:events'
import { checkArgument, checkOptions } from '../../codec/check-arguments.ts'
import { describeValue } from '../../codec/quote.ts'
import { InputError } from '../../errors.ts'
import type { FileSystem } from '../../ports/file-system.ts'
import { SpillFile } from '../../storage/spill-file.ts'
import { Spill } from '../../streams/read/spill.ts'
import { type AnyWritable, SinkWriter } from './sink-writer.ts'

/** The source of `fanOut`: a FileReader, a tar archive, or any Readable. */
export interface FanSource extends AsyncIterable<Uint8Array> {
  destroy(error?: Error): unknown
  /** Takes back a chunk that was lent. */
  release?(chunk: Uint8Array): void
  on?(event: 'error', listener: (error: Error) => void): unknown
}

/** A sink, and how `fanOut` treats it when it is slow. */
export interface Destination {
  /** Any Writable. It is ended after the last byte, or destroyed with the error of the source. */
  readonly sink: AnyWritable
  /** `block`: all sinks wait for it. `spill`: none waits, and its backlog is kept in a temporary file. @default 'block' */
  readonly policy?: 'block' | 'spill'
  /** For `spill`: bytes of the backlog that are kept in memory. @default 8 MiB */
  readonly memory?: number
}

/** Options of `fanOut`. */
export interface FanOutOptions {
  /** True to destroy all sinks when one fails. @default false: the others continue */
  readonly together?: boolean
  /**
   * True if the source lends its chunks. Each is released when every sink has taken it, or when all are destroyed; then
   * the last bytes of a sink that was still writing may be wrong. @default false
   */
  readonly lend?: boolean
  /** Aborts it: every sink is destroyed with the signal's reason. */
  readonly signal?: AbortSignal
  /** The directory of temporary files. @default os.tmpdir() */
  readonly directory?: string
  /** The file system of that directory. @default that of this machine */
  readonly fs?: FileSystem
}

/**
 * Writes one source to several sinks at once. Returns a promise for each sink. It resolves when the sink has finished after
 * the last byte. It rejects with the sink's own error, or with the error of the source, which destroys all sinks. When no
 * sink is left, the source is destroyed.
 *
 *     await Promise.all(fanOut(file.stream(), [{ sink: toDisk }, { sink: toPlayer, policy: 'spill' }]))
 *
 * in            FanSource, read once, from its current position
 * out           Uint8Array to each sink
 * backpressure  of the slowest sink that blocks, and of the disk for sinks that spill
 * fails with    each sink with its own error
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
  const listener = signal && addAbortListener(signal, abort)
  source.on?.('error', fail) // at once, also while a sink is slow
  // a source that is destroyed without an error emits no `error`
  copyToAll(source, outlets, lend).catch(fail)
  const ends = outlets.map(({ done }) => done)
  void Promise.allSettled(ends).then(() => listener?.[Symbol.dispose]())
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

async function copyToAll(source: FanSource, outlets: readonly SinkWriter[], lend: boolean): Promise<void> {
  for await (const chunk of source) {
    let holders = outlets.length
    const taken = () => {
      if (--holders === 0 && lend) source.release?.(chunk)
    }
    for (const wait of outlets.map(outlet => outlet.write(chunk, taken))) await wait
  }
  for (const outlet of outlets) outlet.end()
}
