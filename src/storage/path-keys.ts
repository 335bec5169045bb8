import { setImmediate } from 'node:timers/promises'
import { Fingerprinter } from '../metainfo/fingerprints.ts'

/**
 * A set of paths in eight bytes each: 53 bits of the fingerprint of every path, sorted. Two paths have the same key with a
 * probability of 1 in 10^16. A torrent that is made so that its paths have the keys of others only keeps itself waiting.
 */
export type PathKeys = Float64Array

/** Number of paths to hash in one turn of the event loop, about a millisecond. */
const PATHS_PER_TURN = 8192
/** The keys of lists of paths, since a torrent takes several locks with one list. */
const known = new WeakMap<readonly string[], Promise<PathKeys>>()

/** Returns the keys of canonical paths, which must not change later. */
export function keysOf(paths: readonly string[]): Promise<PathKeys> {
  const keys = known.get(paths) ?? hashAll(paths)
  known.set(paths, keys)
  return keys
}

async function hashAll(paths: readonly string[]): Promise<PathKeys> {
  const keys = new Float64Array(paths.length)
  for (const [index, path] of paths.entries()) {
    keys[index] = pathKey(path)
    if (index % PATHS_PER_TURN === PATHS_PER_TURN - 1) await setImmediate()
  }
  return keys.sort()
}

/** Returns the key of a canonical path. */
export function pathKey(path: string): number {
  const { high, low } = new Fingerprinter().add(path).value
  return (high & 0x1fffff) * 2 ** 32 + low
}

/** Returns the lowest key that is in both sets, or undefined. */
export function sharedKey(one: PathKeys, other: PathKeys): number | undefined {
  for (let a = 0, b = 0; a < one.length && b < other.length; ) {
    if (one[a] === other[b]) return one[a]
    if (one[a]! < other[b]!) a++
    else b++
  }
  return undefined
}
