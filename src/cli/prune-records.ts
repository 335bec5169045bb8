import { readdirSync, statSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Milliseconds after which a resume record that was not written is removed. Its download is then hashed again. */
const RECORD_AGE_MS = 180 * 86_400_000
/** Milliseconds between two searches for old records. */
const PRUNE_INTERVAL_MS = 86_400_000
/** The file in which the time of the last search is kept. */
const MARKER_NAME = 'pruned'

/** Removes old resume records from a state directory, at most once a day. Records that cannot be removed stay. */
export function pruneRecords(directory: string, now: number): void {
  const marker = join(directory, MARKER_NAME)
  try {
    if (now - timeOf(marker) < PRUNE_INTERVAL_MS) return
    const old = readdirSync(directory).filter(
      name => name.endsWith('.resume') && now - timeOf(join(directory, name)) > RECORD_AGE_MS,
    )
    for (const name of old) unlinkSync(join(directory, name))
    writeFileSync(marker, '')
  } catch {
    // the directory does not exist yet, or is read-only
  }
}

/** Returns the time of the last change in milliseconds; 0 for a file that does not exist. */
function timeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
}
