import { createWriteStream, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { onExit } from 'signal-exit'
import { StorageError } from '../errors.ts'
import { reasonOf } from '../ports/reason-of.ts'

/** A temporary file with all of standard input. */
export interface SpooledInput {
  readonly path: string
  /** Removes the file. */
  remove(): void
}

/** Copies standard input to a temporary file, because the length of a torrent's content is known before it is hashed. */
export async function spoolStdin(): Promise<SpooledInput> {
  const directory = mkdtempSync(join(tmpdir(), 'tsdl-'))
  const remove = () => rmSync(directory, { recursive: true, force: true })
  onExit(remove)
  const path = join(directory, 'input')
  try {
    await pipeline(process.stdin, createWriteStream(path, { mode: 0o600 }))
    return { path, remove }
  } catch (error) {
    remove()
    throw new StorageError('ERR_STORAGE', `cannot copy standard input to ${path}: ${reasonOf(error)}`, error)
  }
}
