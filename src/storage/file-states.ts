/** States of files, recorded so that every later change of a file is noticed. */
import { StorageError } from '../errors.ts'
import type { FileState } from '../ports/file-system.ts'
import { forEachInParallel } from '../ports/parallel.ts'

/** Returns the state of a file, or undefined if the file is missing. */
export interface StatSource {
  stat(fileIndex: number): Promise<FileState | undefined>
}

/** Bytes of an encoded state: five numbers of 64 bits. */
export const STATE_LENGTH = 40
/** Maximum number of files that are checked at once. */
const AT_ONCE = 16
/** Maximum number of tries for a file that has just changed. Clocks tick every 1 to 10 ms, and a try takes 0.1 ms. */
const TURNS = 500

/** Encodes a state. Equal states give equal bytes. The bytes are valid on this machine only. */
export function encodeState({ size, mtimeNs, ctimeNs, ino, dev }: FileState): Buffer {
  // Negative times, before 1970, wrap around. Equal states still give equal bytes.
  return Buffer.from(BigUint64Array.of(size, mtimeNs, ctimeNs, ino, dev).buffer)
}

/**
 * Returns the encoded states of files by index, such that every later write changes the state: the last change of each
 * file is in a past tick of the clock. Files that are missing or change all the time are left out.
 * @param clock the time by which the file system dates changes: nanoseconds since 1970
 */
export async function settled(
  storage: StatSource,
  indexes: readonly number[],
  clock: { now(): Promise<bigint> },
): Promise<Map<number, Buffer>> {
  const states = new Map<number, Buffer>()
  let left = indexes
  for (let turn = 0; turn < TURNS && left.length > 0; turn++) {
    // The clock is read before the stat, so a write after the stat gets this time or a later one.
    const now = await clock.now()
    const found = await look(storage, left)
    for (const [index, state] of found) if (state.ctimeNs < now) states.set(index, encodeState(state))
    left = left.filter(index => found.has(index) && !states.has(index))
  }
  return states
}

/** Returns the states of files by index, without files that cannot be read. Rejects only with ERR_ABORTED. */
export async function look(storage: StatSource, indexes: readonly number[]): Promise<Map<number, FileState>> {
  const found = new Map<number, FileState>()
  await forEachInParallel(indexes, AT_ONCE, async index => {
    try {
      const state = await storage.stat(index)
      if (state !== undefined) found.set(index, state)
    } catch (error) {
      if (!(error instanceof StorageError) || error.code === 'ERR_ABORTED') throw error
    }
  })
  return found
}
