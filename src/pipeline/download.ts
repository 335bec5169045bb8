import { checkArgument, checkOptions } from '../codec/check-arguments.ts'
import { InputError } from '../errors.ts'
import { selectedByLink } from '../metainfo/magnet.ts'
import type { Metainfo } from '../metainfo/metainfo.ts'
import { type FileSystem, type ListingFileSystem, nodeFileSystem } from '../ports/file-system.ts'
import { pick } from '../ports/pick.ts'
import type { FileLocks } from '../storage/file-locks.ts'
import { FileStorage } from '../storage/file-storage.ts'
import { findFiles } from '../storage/find-files.ts'
import { resumePath } from '../storage/resume-record.ts'
import { ReusableFiles } from '../storage/reusable-files.ts'
import { type AddTorrentOptions, addTorrent } from './add-torrent.ts'
import type { ContentOptions } from './pieces/content-options.ts'
import { resumeAt } from './resume/find-verified-pieces.ts'
import { isMetainfo, loadSource, type TorrentSource } from './sources/torrent-source.ts'
import type { Torrent } from './torrent.ts'

/** The directory for a download, and the selected files. */
export interface DirectoryOptions extends Pick<ContentOptions, 'priority' | 'select'> {
  /** The directory for the files. */
  readonly output: string
  /**
   * The path of the resume record, which saves the next run from hashing everything again.
   * @default `resumePath` in `stateDirectory`; no record without one
   */
  readonly record?: string
  /**
   * Directories with files that may have the content of missing ones. Such a file has the right size. Its pieces are verified
   * and copied; it is only read. @default none
   */
  readonly reuse?: readonly string[]
  /** Keeps other processes from writing the same files: see `LockDirectory`. @default only torrents of this process */
  readonly locks?: FileLocks
  /** The file system. @default that of this machine */
  readonly fs?: FileSystem
}

/** Options of `download`. */
export interface DownloadOptions
  extends DirectoryOptions,
    Omit<AddTorrentOptions, 'fs' | 'storage' | 'resume' | 'reusable' | 'trusted' | 'wanted'> {}

/**
 * Downloads the files of a torrent to a directory. Existing pieces are kept.
 *
 * Resolves when the metadata is known and the download has started; then `torrent.done` resolves when it is complete.
 * Call `torrent.close()` in the end. Existing files with other names are found by `findFiles`. If a magnet link
 * selects files (BEP 53), only these are wanted, unless `select` is given.
 *
 * Rejects as `Client.add` does, with ERR_STALLED when no peer sends the metadata within `timeout`, and with the reason of
 * `signal`.
 */
export async function download(source: TorrentSource, options: DownloadOptions): Promise<Torrent> {
  checkOptions(options, {
    fs: 'object',
    locks: 'object',
    record: 'text',
    reuse: 'array',
    select: 'function',
    signal: 'signal',
  })
  checkArgument('output', options.output, 'text')
  const { output, locks, record, reuse, select, ...rest } = options
  const { family, fs = nodeFileSystem, stateDirectory } = options.client ?? options
  const loading = pick(options, 'http', 'platform', 'portableNames', 'signal')
  const parsed = await loadSource(source, { ...pick({ family }, 'family'), fs, ...loading })
  const torrent = await addTorrent(parsed, rest)
  try {
    const own = await torrent.ready
    const selected = isMetainfo(parsed) ? undefined : selectedByLink(parsed, own)
    const metainfo = canList(fs) ? await findFiles(own, { directory: output, fs }) : own
    const wanted = select ?? (selected && (index => selected.includes(index)))
    const path = record ?? (stateDirectory && resumePath(stateDirectory, own.infoHash, output))
    const directory = {
      output,
      fs,
      ...pick({ locks, record: path, reuse, select: wanted }, 'locks', 'record', 'reuse', 'select'),
    }
    const content = {
      ...pick(options, 'onDemand', 'sequential', 'sharedMemory'),
      ...directoryContent(metainfo, directory),
    }
    return torrent.begin(content, metainfo)
  } catch (error) {
    await torrent.close()
    throw error
  }
}

/** Returns the content options for a download to a directory, for `Torrent.begin`. */
export function directoryContent(
  metainfo: Metainfo,
  options: DirectoryOptions,
): Pick<ContentOptions, 'storage' | 'resume' | 'reusable' | 'select' | 'priority'> {
  checkArgument('metainfo', metainfo, 'object')
  checkOptions(options, { fs: 'object', locks: 'object', record: 'text', reuse: 'array', select: 'function' })
  checkArgument('output', options.output, 'text')
  const { output, fs, locks, record, reuse = [], select } = options
  const storage = new FileStorage(metainfo, {
    directory: output,
    ...pick({ fs, locks, selected: select }, 'fs', 'locks', 'selected'),
  })
  return {
    storage,
    ...pick(options, 'priority', 'select'),
    ...(reuse.length > 0 ? { reusable: new ReusableFiles(reuse, listing(fs)) } : {}),
    ...(record === undefined ? {} : { resume: resumeAt(record, metainfo, storage, fs) }),
  }
}

/** @throws InputError ERR_USAGE for a file system that cannot list directories */
function listing(fs: FileSystem | undefined): ListingFileSystem | undefined {
  if (!fs || canList(fs)) return fs
  throw new InputError('ERR_USAGE', 'fs: expected readdir, which reuse needs')
}

function canList(fs: FileSystem): fs is ListingFileSystem {
  return 'readdir' in fs
}
