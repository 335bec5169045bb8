import { checkArgument, checkOptions } from '../codec/check-arguments.ts'
import { blocksOf, leafOf, NODE_LENGTH } from '../codec/merkle.ts'
import { BLOCK_LENGTH } from '../codec/message.ts'
import { InputError } from '../errors.ts'
import type { Metainfo } from '../metainfo/metainfo.ts'
import { PieceTrees, type TreePlacement } from '../metainfo/piece-trees.ts'
import { nodeFileSystem } from '../ports/file-system.ts'
import { forEachInParallel } from '../ports/parallel.ts'
import { FileStorage } from '../storage/file-storage.ts'
import { type Located, type LocateOptions, locate } from '../storage/locate.ts'
import type { Storage } from '../storage/storage.ts'
import type { LeafSource } from './pieces/block-verification.ts'

/** Options of `findDamagedBlocks`. */
export interface FindDamagedBlocksOptions extends LocateOptions {
  /** Called after each piece with the number of pieces that were compared so far. */
  readonly onProgress?: (pieces: number) => void
  /** Aborts it: `findDamagedBlocks` rejects with the signal's reason. */
  readonly signal?: AbortSignal
  /** The result of `locate` for this path. @default the files are searched */
  readonly located?: Located
}

/** Bytes that are read and hashed at once. */
const STEP_BYTES = 16 * BLOCK_LENGTH
/** Pieces for which hashes are fetched at once. */
const MAX_OPEN_PIECES = 8

/**
 * Finds the wrong and missing blocks of 16 KiB in pieces that `verify` found wrong, by hashes that peers send (BEP 52).
 *
 *     const torrent = await client.add(metainfo, { storage: new WindowStorage(), onDemand: true })
 *     const damaged = await findDamagedBlocks(metainfo, path, wrongPieces, torrent)
 *     // damaged.get(piece) is [3, 7] if these two blocks of the piece are wrong
 *
 * Resolves with the blocks of each piece. A piece without an answer is left out. Rejects as `verify` does, and with
 * ERR_USAGE for a v1 torrent, which has no hashes of blocks.
 * @param path the output directory, the torrent's own directory in it, or its one file
 * @param leaves a `Torrent` with peers
 */
export async function findDamagedBlocks(
  metainfo: Metainfo,
  path: string,
  pieces: Iterable<number>,
  leaves: LeafSource,
  options: FindDamagedBlocksOptions = {},
): Promise<Map<number, readonly number[]>> {
  checkArgument('metainfo', metainfo, 'object')
  checkArgument('leaves', leaves, 'object')
  checkOptions(options, { fs: 'object', located: 'object', onProgress: 'function', signal: 'signal' })
  const { fs = nodeFileSystem, onProgress, signal } = options
  const trees = PieceTrees.of(metainfo)
  if (!trees) throw new InputError('ERR_USAGE', 'metainfo: the torrent has no hashes of blocks')
  const located = options.located ?? (await locate(metainfo, path, options))
  const storage = new FileStorage(located.metainfo, { directory: located.directory, fs })
  const damaged = new Map<number, readonly number[]>()
  let compared = 0
  try {
    await forEachInParallel(pieces, MAX_OPEN_PIECES, async index => {
      signal?.throwIfAborted()
      const blocks = await compare(trees.placementOf(index), storage, () => leaves.fetchLeaves(index))
      if (blocks.length > 0) damaged.set(index, blocks)
      onProgress?.(++compared)
    })
  } finally {
    await storage.close()
  }
  signal?.throwIfAborted()
  return damaged
}

/** Returns the wrong blocks of a piece; none if its leaves are unknown. No peer is asked if the file ends before the piece. */
async function compare(
  { length, position }: TreePlacement,
  storage: Pick<Storage, 'read'>,
  fetchLeaves: () => Promise<Uint8Array | undefined>,
): Promise<number[]> {
  const buffer = Buffer.allocUnsafe(Math.min(STEP_BYTES, length))
  const isMissing = (await storage.read(position, buffer.subarray(0, 1))) === 0
  const leaves = isMissing ? Buffer.alloc(blocksOf(length) * NODE_LENGTH) : await fetchLeaves()
  const wrong: number[] = []
  for (let begin = 0; leaves && begin < length; begin += STEP_BYTES) {
    const step = buffer.subarray(0, Math.min(STEP_BYTES, length - begin))
    const present = isMissing ? 0 : await storage.read(position + begin, step)
    for (let at = 0; at < step.length; at += BLOCK_LENGTH) {
      const block = (begin + at) / BLOCK_LENGTH
      const bytes = step.subarray(at, at + BLOCK_LENGTH)
      const leaf = leaves.subarray(block * NODE_LENGTH, (block + 1) * NODE_LENGTH)
      if (present < at + bytes.length || !leafOf(bytes).equals(leaf)) wrong.push(block)
    }
  }
  return wrong
}
