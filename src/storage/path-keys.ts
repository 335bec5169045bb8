import { createHash } from 'node:crypto'

/**
 * A set of paths in eight bytes each: 53 bits of the SHA-1 of every path, sorted.
 * Two paths have the same key with a probability of 1 in 10^16.
 */
export type PathKeys = Float64Array

/** Returns the keys of canonical paths. */
export function keysOf(paths: readonly string[]): PathKeys {
  return Float64Array.from(paths, keyOf).sort()
}

/** Returns the key of a canonical path. */
export function keyOf(path: string): number {
  const hash = createHash('sha1').update(path).digest()
  return (hash.readUInt32BE(0) & 0x1fffff) * 2 ** 32 + hash.readUInt32BE(4)
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
