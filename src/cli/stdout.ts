import { writev } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { StorageError } from '../errors.ts'
import { reasonOf } from '../ports/reason-of.ts'

/**
 * The descriptor of standard output. `process.stdout` is not used, because it makes a pipe non-blocking for all processes
 * that write to it.
 */
export const STDOUT_FD = 1

/** Milliseconds between attempts to write to a descriptor that is non-blocking and full. */
const WRITE_RETRY_MS = 5

/**
 * Writes all of `bytes` to standard output.
 * @throws StorageError with the cause EPIPE if the reader of a pipe is gone
 */
export function writeStdout(bytes: Uint8Array): Promise<void> {
  return writeChunks([bytes])
}

/** Writes a line of text to standard output. */
export function printLine(text: string): Promise<void> {
  return writeStdout(Buffer.from(`${text}\n`))
}

/** Writes `chunks` to standard output in order. @param fd its descriptor @throws StorageError, as `writeStdout` */
export async function writeChunks(chunks: readonly Uint8Array[], fd = STDOUT_FD): Promise<void> {
  let remaining = chunks.filter(({ length }) => length > 0)
  while (remaining.length > 0) {
    try {
      remaining = dropWritten(remaining, await writeSome(fd, remaining))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw stdoutError(error)
      await delay(WRITE_RETRY_MS)
    }
  }
}

/** Returns the StorageError for a failed write to standard output. */
export function stdoutError(error: unknown): StorageError {
  const { code } = error as NodeJS.ErrnoException
  const full = code === 'ENOSPC' || code === 'EDQUOT'
  return new StorageError(
    full ? 'ERR_DISK_FULL' : 'ERR_STORAGE',
    `cannot write to standard output: ${reasonOf(error)}`,
    error,
  )
}

/** Returns `chunks` without their first `written` bytes. */
function dropWritten(chunks: readonly Uint8Array[], written: number): Uint8Array[] {
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
