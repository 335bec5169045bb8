import type { Hash } from 'node:crypto'
import { StalledError } from '../../errors.ts'
import { Digester, type Sink, type Source } from '../../streams/index.ts'
import { openStdout } from './stdout-sink.ts'

/** Pipes `source` into `sink`. Resolves when the sink has finished. */
function pipe<T>(source: Source<T>, sink: Sink<T>): Promise<void> {
  return new Promise((resolve, reject) => {
    source.pipe(sink, error => (error ? reject(error) : resolve()))
  })
}

/** A source that lends its chunks, and reuses their memory after `release`. */
interface Lender extends Source<Uint8Array> {
  release(chunk: Uint8Array): void
}

/** Options of `writeToStdout`. */
export interface StdoutOptions {
  /** A hash of the bytes, updated as they pass. */
  readonly hash?: Hash | undefined
  /** Bytes that the output had before, for the message of a failure. @default 0 */
  readonly startOffset?: number
}

/**
 * Writes a reader to standard output.
 * @throws StalledError that names the number of bytes written, or the error of the reader or of standard output
 */
export async function writeToStdout(
  reader: Lender,
  { hash, startOffset = 0 }: StdoutOptions = {},
): Promise<void> {
  let written = startOffset
  const stdout = openStdout(chunk => {
    written += chunk.length
    reader.release(chunk)
  })
  try {
    await (hash ? pipeThrough(reader, new Digester(hash), stdout) : pipe(reader, stdout))
  } catch (error) {
    if (!(error instanceof StalledError) || written === 0) throw error
    throw new StalledError(error.code, `${error.message}; the ${written} bytes that were written are correct`)
  }
}

/** Pipes `reader` through `digester`, and fails if any of the three does. */
async function pipeThrough(reader: Lender, digester: Digester, stdout: Sink<Uint8Array>): Promise<void> {
  const failed = new Promise<never>((_, reject) => {
    reader.on('error', reject)
  })
  failed.catch(() => {})
  reader.pipe(digester)
  await Promise.race([pipe(digester, stdout), failed])
}
