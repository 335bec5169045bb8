import type { Bitfield } from '../../codec/bitfield.ts'
import type { HashPool } from '../../hashing/hash-pool.ts'
import type { Metainfo } from '../../metainfo/metainfo.ts'
import { type FileSystem, nodeFileSystem } from '../../ports/file-system.ts'
import type { FileStorage } from '../../storage/file-storage.ts'
import {
  type PartialBlocks,
  type ResumedPieces,
  readResumeRecord,
  writeResumeRecord,
} from '../../storage/resume-record.ts'
import type { Storage } from '../../storage/storage.ts'
import { check } from './check.ts'

/** The resume record of a torrent. */
export interface Resume {
  /** Reads which pieces need no hashing, if the sample of them proves right. */
  read(): Promise<Pick<ResumedPieces, 'trusted' | 'sample'> & Partial<Pick<ResumedPieces, 'partial'>>>
  /** Writes that these pieces are verified and at rest, and these blocks of other pieces. */
  write(verified: Bitfield, partial?: PartialBlocks): Promise<void>
}

/** Opens the resume record at `path` of a torrent in `storage`. */
export function resumeAt(
  path: string,
  metainfo: Metainfo,
  storage: FileStorage,
  fs: FileSystem = nodeFileSystem,
): Resume {
  return {
    read: () => readResumeRecord({ fs, path, metainfo, storage }),
    write: (verified, partial = new Map()) =>
      writeResumeRecord({ fs, path, metainfo, storage, verified, partial }),
  }
}

export interface FindVerifiedPiecesOptions {
  readonly metainfo: Metainfo
  readonly storage: Pick<Storage, 'read' | 'useFile' | 'watch'>
  readonly hashPool?: HashPool | undefined
  readonly resume?: Resume | undefined
  /** Pieces that need no look at all. @default none */
  readonly trusted?: Bitfield | undefined
  /** Called with the blocks of unfinished pieces that the record names. */
  readonly partial?: (blocks: PartialBlocks) => void
  /** Called with how many pieces have been looked at. */
  readonly progress: (pieces: number) => void
  readonly signal: AbortSignal
}

/** Finds which pieces are there: those that a resume record vouches for, and of the others those that hash right. */
export async function findVerifiedPieces(options: FindVerifiedPiecesOptions): Promise<Bitfield> {
  const { metainfo, storage, hashPool, resume, progress, signal } = options
  let { trusted } = options
  // First: what changes while it is read is noticed later.
  await storage.watch?.remember([...metainfo.files.keys()])
  if (resume && !trusted) {
    const record = await resume.read()
    const right = await check({ metainfo, storage, hashPool, signal, pieces: record.sample })
    // one lie, and nothing of it is believed
    if (record.sample.every(index => right.has(index))) {
      trusted = record.trusted
      if (record.partial) options.partial?.(record.partial)
    }
  }
  return check({ metainfo, storage, hashPool, signal, progress, ...(trusted ? { trusted } : {}) })
}
