/** In which state files are, taken so that any later change of them shows. */
import { StorageError } from '../errors.ts'
import type { FileState } from '../ports/file-system.ts'

/** What tells in which state a file is; nothing of one that is missing. */
export interface StatSource {
  stat(fileIndex: number): Promise<FileState | undefined>
}

/** Bytes of an encoded state: five numbers of 64 bits. */
export const STATE_LENGTH = 40
/** Files looked at side by side. */
const AT_ONCE = 16
/** How often a file may turn out to have changed just now. Clocks tick every 1 to 10 ms; a turn takes 0.1. */
const TURNS = 500

/** A state as bytes that are equal where the states are; only for the machine that made them. */
export function encodeState({ size, mtimeNs, ctimeNs, ino, dev }: FileState): Buffer {
  // Signed ones wrap around (times before 1970): all that matters is that equals stay equal.
  return Buffer.from(BigUint64Array.of(size, mtimeNs, ctimeNs, ino, dev).buffer)
}

/**
 * The encoded states of files, by index, that no later write can leave as they are: each file's last change lies in a
 * past tick of the clock. Files that are missing, or change all the time, are left out.
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
    // Asked before the stat, so whoever writes after the stat gets this time or a later one.
    const now = await clock.now()
    const found = await look(storage, left)
    for (const [index, state] of found) if (state.ctimeNs < now) states.set(index, encodeState(state))
    left = left.filter(index => found.has(index) && !states.has(index))
  }
  return states
}

/** The states of files, by index. One that cannot be looked at is as good as missing; rejects with ERR_ABORTED only. */
export async function look(storage: StatSource, indexes: readonly number[]): Promise<Map<number, FileState>> {
  const found = new Map<number, FileState>()
  const one = async (index: number) => {
    try {
      const state = await storage.stat(index)
      if (state !== undefined) found.set(index, state)
    } catch (error) {
      if (!(error instanceof StorageError) || error.code === 'ERR_ABORTED') throw error
    }
  }
  for (let at = 0; at < indexes.length; at += AT_ONCE)
    await Promise.all(indexes.slice(at, at + AT_ONCE).map(one))
  return found
}
