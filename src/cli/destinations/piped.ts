import type { Hash } from 'node:crypto'
import { StalledError } from '../../errors.ts'
import { Digester } from '../../streams/read/digester.ts'
import type { Sink, Source } from '../../streams/stage.ts'
import { openStdout } from './stdout-sink.ts'

/** Resolves once all of `from` has gone through `to`. */
function piped<T>(from: Source<T>, to: Sink<T>): Promise<void> {
  return new Promise((resolve, reject) => {
    from.pipe(to, error => (error ? reject(error) : resolve()))
  })
}

/** What lends its chunks, and takes each back once it is written. */
interface Lender extends Source<Uint8Array> {
  release(chunk: Uint8Array): void
}

export interface StdoutOptions {
  /** Fed with all of it, on its way. */
  readonly hash?: Hash | undefined
  /** Bytes that are there already, for what is told of a failure. @default 0 */
  readonly from?: number
}

/**
 * Writes what is lent to standard output.
 * @throws StalledError that tells how far it came; whatever else ends either side
 */
export async function toStdout(reader: Lender, { hash, from = 0 }: StdoutOptions = {}): Promise<void> {
  let written = from
  const stdout = openStdout(chunk => {
    written += chunk.length
    reader.release(chunk)
  })
  try {
    await (hash ? hashed(reader, new Digester(hash), stdout) : piped(reader, stdout))
  } catch (error) {
    if (!(error instanceof StalledError) || written === 0) throw error
    throw new StalledError(error.code, `${error.message}; the ${written} bytes that were written are right`)
  }
}

async function hashed(reader: Lender, digester: Digester, stdout: Sink<Uint8Array>): Promise<void> {
  const failed = new Promise<never>((_, reject) => {
    reader.on('error', reject)
  })
  failed.catch(() => {})
  reader.pipe(digester)
  await Promise.race([piped(digester, stdout), failed])
}
