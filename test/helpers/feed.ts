/** Feeds a decoder in three ways: whole, byte by byte, and in seeded random cuts. All results must be equal. */

import { isDeepStrictEqual } from 'node:util'
import type { Through } from '../../src/streams/stage.ts'
import { RANDOM_SEED } from './random-seed.ts'

/** The output of a decoder, and its error if it failed. */
export interface Fed<Out> {
  readonly items: Out[]
  readonly error: (Error & { code?: string }) | undefined
}

export interface FeedOptions {
  /**
   * The seed of the first random cuts; the following cuts have the next seeds.
   * @default SEED of the environment, or 1
   */
  readonly seed?: number
  /** The number of random cuts. @default 5 */
  readonly random?: number
}

/**
 * @param make creates a decoder, which calls `consumed` with each chunk that it no longer needs; the chunk is
 * overwritten then
 * @returns the common result; before an error, the longest output of any way
 */
export async function feed<Out>(
  make: (consumed: (chunk: Uint8Array) => void) => Through<Uint8Array, Out>,
  bytes: Uint8Array,
  { seed = RANDOM_SEED, random = 5 }: FeedOptions = {},
): Promise<Fed<Out>> {
  const ways: [string, Uint8Array[]][] = [
    ['byte by byte', cut(bytes, () => 1)],
    ['whole', cut(bytes, () => bytes.length)],
  ]
  for (let at = seed; at < seed + random; at++)
    ways.push([`cut at random, SEED=${at}`, randomCuts(bytes, at)])

  let first: Fed<Out> | undefined
  for (const [way, chunks] of ways) {
    const fed = await run(
      make(chunk => chunk.fill(0xee)),
      chunks,
    )
    first ??= fed
    const known = fed.error ? first.items.slice(0, fed.items.length) : first.items
    if (!isDeepStrictEqual(known, fed.items) || `${first.error}` !== `${fed.error}`) {
      throw new Error(
        `${way}: ${show(fed)}\nbut byte by byte: ${show(first)}\nin ${Buffer.from(bytes).toString('hex', 0, 200)}`,
      )
    }
  }
  return first!
}

/** Writes chunks into a decoder and ends it. Resolves when it has closed. */
export function run<Out>(decoder: Through<Uint8Array, Out>, chunks: Iterable<Uint8Array>): Promise<Fed<Out>> {
  return new Promise(resolve => {
    const items: Out[] = []
    let error: Error | undefined
    decoder.on('data', item => items.push(item))
    decoder.on('error', (failure: Error) => {
      error = failure
    })
    decoder.on('close', () => resolve({ items, error }))
    for (const chunk of chunks) decoder.write(chunk)
    decoder.end()
  })
}

/**
 * Returns copies of parts of `bytes`, cut at random: mostly short, sometimes long. The same seed gives the same cuts.
 */
export function randomCuts(bytes: Uint8Array, seed: number): Uint8Array[] {
  const chance = generator(seed)
  return cut(bytes, () => 1 + Math.floor(chance() * (chance() < 0.8 ? 24 : 4096)))
}

/** Returns copies of parts of `bytes`. `next` returns the length of each part. */
export function cut(bytes: Uint8Array, next: () => number): Uint8Array[] {
  const chunks: Uint8Array[] = []
  for (let at = 0; at < bytes.length; ) {
    const end = Math.min(bytes.length, at + next())
    chunks.push(Uint8Array.prototype.slice.call(bytes, at, end))
    at = end
  }
  return chunks
}

/** Returns pseudo-random numbers from 0 to below 1 (mulberry32). The same seed gives the same numbers. */
export function generator(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

function show({ items, error }: Fed<unknown>): string {
  const types = items.map(item => (item as { type?: string }).type ?? '?')
  return `${items.length} items (${types.slice(0, 20).join(' ')}), ${error ?? 'a clean end'}`
}
