import { write } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { StorageError } from '../errors.ts'
import { reasonOf } from './exit.ts'

/** Milliseconds until a pipe that is full and does not block is tried again. */
const AGAIN = 5

/**
 * Writes all of `bytes` to standard output, past Node's own stream: its memory may be used again when this resolves.
 * @throws StorageError, its cause EPIPE when the reader went away
 */
export async function writeStdout(bytes: Uint8Array): Promise<void> {
  let at = 0
  while (at < bytes.length) {
    try {
      at += await writeSome(bytes.subarray(at))
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

/** Writes a line of text to standard output. */
export function printLine(text: string): Promise<void> {
  return writeStdout(Buffer.from(`${text}\n`))
}

function writeSome(bytes: Uint8Array): Promise<number> {
  return new Promise((resolve, reject) => {
    write(process.stdout.fd, bytes, 0, bytes.length, null, (error, written) => {
      if (error) reject(error)
      else resolve(written)
    })
  })
}
