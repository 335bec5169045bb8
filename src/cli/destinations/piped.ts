import type { createHash } from 'node:crypto'
import { Digester } from '../../streams/digester.ts'
import type { FileReader } from '../../streams/file-reader.ts'
import type { Sink, Source } from '../../streams/stage.ts'
import { Stdout } from '../stdout.ts'

/** Resolves once all of `from` has gone through `to`. */
export function piped<T>(from: Source<T>, to: Sink<T>): Promise<void> {
  return new Promise((resolve, reject) => {
    from.pipe(to, error => (error ? reject(error) : resolve()))
  })
}

/**
 * Writes what a reader lends to standard output.
 * @param hash fed with all of it, on its way
 */
export async function toStdout(reader: FileReader, hash?: ReturnType<typeof createHash>): Promise<void> {
  const stdout = new Stdout(chunk => reader.release(chunk))
  if (!hash) return piped(reader, stdout)
  const digester = new Digester(hash)
  const failed = new Promise<never>((_, reject) => {
    reader.on('error', reject)
  })
  failed.catch(() => {})
  reader.pipe(digester)
  await Promise.race([piped(digester, stdout), failed])
}
