import { writev } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { StorageError } from '../errors.ts'
import { reasonOf } from './exit.ts'

/**
 * The descriptor of standard output. `process.stdout` is not used: it makes a pipe non-blocking, also for the other
 * processes that write to it.
 */
export const STDOUT = 1

/** Milliseconds until a descriptor that is non-blocking and full is tried again. */
const RETRY_MS = 5

/**
 * Writes all of `bytes` to standard output.
 * @throws StorageError, its cause EPIPE when the reader went away
 */
export function writeStdout(bytes: Uint8Array): Promise<void> {
  return writeChunks([bytes])
}

/** Writes a line of text to standard output. */
export function printLine(text: string): Promise<void> {
  return writeStdout(Buffer.from(`${text}\n`))
}

/** Writes `chunks` to standard output, one after another. @param fd a descriptor of it @throws as `writeStdout` */
export async function writeChunks(chunks: readonly Uint8Array[], fd = STDOUT): Promise<void> {
  let rest = chunks.filter(({ length }) => length > 0)
  while (rest.length > 0) {
    try {
      rest = after(rest, await writeSome(fd, rest))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw stdoutError(error)
      await delay(RETRY_MS)
    }
  }
}

/** A failed write to standard output as an error of ours. */
export function stdoutError(error: unknown): StorageError {
  const { code } = error as NodeJS.ErrnoException
  const full = code === 'ENOSPC' || code === 'EDQUOT'
  return new StorageError(
    full ? 'ERR_DISK_FULL' : 'ERR_STORAGE',
    `cannot write to standard output: ${reasonOf(error)}`,
    error,
  )
}

/** What is left of `chunks` when their first `written` bytes are out. */
function after(chunks: readonly Uint8Array[], written: number): Uint8Array[] {
  let first = 0
  while (first < chunks.length && written >= chunks[first]!.length) written -= chunks[first++]!.length
  const rest = chunks.slice(first)
  if (rest[0]) rest[0] = rest[0].subarray(written)
  return rest
}

function writeSome(fd: number, chunks: readonly Uint8Array[]): Promise<number> {
  return new Promise((resolve, reject) => {
    writev(fd, chunks, null, (error, written) => {
      if (error) reject(error)
      else resolve(written)
    })
  })
}
