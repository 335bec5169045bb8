import { writev } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { StorageError } from '../errors.ts'
import { type Done, Writable } from '../streams/stage.ts'
import { reasonOf } from './exit.ts'

/** Milliseconds until a pipe that is full and does not block is tried again. */
const AGAIN = 5
/** Bytes that may wait to be written: all that gathers while one write is under way goes with the next. */
const AHEAD = 8 << 20

/**
 * Standard output, past Node's own stream: what it was given may be used again once it is written.
 *
 * in            Uint8Array
 * backpressure  takes nothing while 8 MiB wait
 * fails with    StorageError, its cause EPIPE when the reader went away
 */
export class Stdout extends Writable<Uint8Array> {
  readonly #written: (chunk: Uint8Array) => void

  /** @param written called with each chunk once all of it is written */
  constructor(written: (chunk: Uint8Array) => void) {
    super({ highWaterMark: AHEAD, byteLength: chunk => chunk.length || 1 })
    this.#written = written
  }

  override _writev(chunks: Uint8Array[], done: Done): void {
    writeAll(chunks).then(
      () => {
        for (const chunk of chunks) this.#written(chunk)
        done()
      },
      error => done(error),
    )
  }
}

/**
 * Writes all of `bytes` to standard output.
 * @throws StorageError, its cause EPIPE when the reader went away
 */
export function writeStdout(bytes: Uint8Array): Promise<void> {
  return writeAll([bytes])
}

/** Writes a line of text to standard output. */
export function printLine(text: string): Promise<void> {
  return writeStdout(Buffer.from(`${text}\n`))
}

async function writeAll(chunks: readonly Uint8Array[]): Promise<void> {
  let rest = chunks.filter(({ length }) => length > 0)
  while (rest.length > 0) {
    try {
      rest = after(rest, await writeSome(rest))
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'EAGAIN') await delay(AGAIN)
      else {
        const full = code === 'ENOSPC' || code === 'EDQUOT'
        throw new StorageError(
          full ? 'ERR_DISK_FULL' : 'ERR_STORAGE',
          `cannot write to standard output: ${reasonOf(error)}`,
          error,
        )
      }
    }
  }
}

/** What is left of `chunks` when their first `written` bytes are out. */
function after(chunks: readonly Uint8Array[], written: number): Uint8Array[] {
  let first = 0
  while (first < chunks.length && written >= chunks[first]!.length) written -= chunks[first++]!.length
  const rest = chunks.slice(first)
  if (rest[0]) rest[0] = rest[0].subarray(written)
  return rest
}

function writeSome(chunks: readonly Uint8Array[]): Promise<number> {
  return new Promise((resolve, reject) => {
    writev(process.stdout.fd, chunks, null, (error, written) => {
      if (error) reject(error)
      else resolve(written)
    })
  })
}
