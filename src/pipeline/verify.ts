import type { Bitfield } from '../codec/bitfield.ts'
import { checkArgument, checkOptions } from '../codec/check-arguments.ts'
import { InputError } from '../errors.ts'
import { HashPool } from '../hashing/hash-pool.ts'
import { nodeFileSystem } from '../ports/file-system.ts'
import { pick } from '../ports/pick.ts'
import { FileStorage } from '../storage/file-storage.ts'
import { type Located, type LocateOptions, locate } from '../storage/locate.ts'
import { check } from './resume/check.ts'
import { isMetainfo, loadSource, type TorrentSource } from './sources/torrent-source.ts'

/** Options of `verify`. */
export interface VerifyOptions extends LocateOptions {
  /** Called after each piece with the number of pieces that were checked so far. */
  readonly onProgress?: (pieces: number) => void
  /** True if the calling thread hashes too, which delays its other work. @default false */
  readonly useMainThread?: boolean
  /** Aborts it: `verify` rejects with the signal's reason. */
  readonly signal?: AbortSignal
  /** The result of `locate` for this path. @default the files are searched */
  readonly located?: Located
}

/**
 * Hashes the files of a torrent on disk and returns the pieces that are complete and correct.
 *
 * Rejects with ERR_USAGE for a source or a path that cannot be read, and for a magnet link, which needs `fetchMetadata` first.
 * Rejects with ERR_METAINFO for a v2 torrent without piece layers, and with a StorageError for a file that cannot be read.
 * @param path the output directory, the torrent's own directory in it, or its one file
 */
export async function verify(
  source: TorrentSource,
  path: string,
  options: VerifyOptions = {},
): Promise<Bitfield> {
  checkArgument('path', path, 'text')
  checkOptions(options, {
    fs: 'object',
    located: 'object',
    onProgress: 'function',
    signal: 'signal',
    useMainThread: 'boolean',
  })
  const { fs = nodeFileSystem, onProgress, signal, useMainThread = false } = options
  const parsed = await loadSource(source, pick(options, 'fs', 'platform', 'portableNames', 'signal'))
  if (!isMetainfo(parsed)) {
    throw new InputError(
      'ERR_USAGE',
      'source: a magnet link has no hashes; fetch its metadata with fetchMetadata',
    )
  }
  if (parsed.format === 'v2' && !parsed.pieceNodes) {
    throw new InputError(
      'ERR_METAINFO',
      'source: the torrent has no piece layers, so pieces cannot be verified',
    )
  }
  const { metainfo, directory } = options.located ?? (await locate(parsed, path, options))
  const storage = new FileStorage(metainfo, { directory, fs })
  const hashPool = new HashPool({ useMainThread })
  try {
    const states = await storage.watch.remember([...metainfo.files.keys()])
    return await check({
      ...{ metainfo, storage, hashPool, states },
      ...pick({ progress: onProgress, signal }, 'progress', 'signal'),
    })
  } finally {
    await Promise.all([storage.close(), hashPool.close()])
  }
}
