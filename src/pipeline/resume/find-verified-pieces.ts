import type { Bitfield } from '../../codec/bitfield.ts'
import type { HashPool } from '../../hashing/hash-pool.ts'
import type { Metainfo } from '../../metainfo/metainfo.ts'
import { type FileSystem, nodeFileSystem } from '../../ports/file-system.ts'
import { pick } from '../../ports/pick.ts'
import type { FileStorage } from '../../storage/file-storage.ts'
import type { PartialBlocks } from '../../storage/resume-encoding.ts'
import { type ResumedPieces, readResumeRecord, writeResumeRecord } from '../../storage/resume-record.ts'
import type { Storage } from '../../storage/storage.ts'
import { check } from './check.ts'

/** The resume record of a torrent. */
export interface Resume {
  /**
   * Reads the pieces that need no hashing if the sample of them is valid. The storage remembers the states of its
   * files by then.
   */
  read(): Promise<Pick<ResumedPieces, 'trusted' | 'sample'> & Partial<Pick<ResumedPieces, 'partial'>>>
  /** Writes the verified pieces, and the stored blocks of other pieces. */
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
    read: () =>
      readResumeRecord({
        ...{ fs, path, metainfo },
        storage: { states: indexes => storage.rememberedStates(indexes) },
      }),
    write: (verified, partial = new Map()) =>
      writeResumeRecord({ fs, path, metainfo, storage, verified, partial }),
  }
}

export interface FindVerifiedPiecesOptions {
  readonly metainfo: Metainfo
  readonly storage: Pick<Storage, 'read' | 'useFile' | 'watch'>
  readonly hashPool?: HashPool | undefined
  readonly resume?: Resume | undefined
  /** Pieces that need no check. @default none */
  readonly trusted?: Bitfield | undefined
  /** Called with the pieces that the record names and that are trusted, and its blocks of unfinished pieces. */
  readonly resumed?: (pieces: Bitfield, partial: PartialBlocks) => void
  /** Called with the sample of a record that has every piece, which the caller checks later. @default it is checked now */
  readonly deferred?: (sample: readonly number[]) => void
  /** Called with the number of pieces that were checked. */
  readonly progress: (pieces: number) => void
  readonly signal: AbortSignal
}

/** Finds the valid pieces: those in the resume record, and others by their hash. */
export async function findVerifiedPieces(options: FindVerifiedPiecesOptions): Promise<Bitfield> {
  const { metainfo, storage, hashPool, resume, progress, signal } = options
  let { trusted } = options
  // first, so that changes during the check are noticed later
  const states = await storage.watch?.remember([...metainfo.files.keys()])
  if (resume && !trusted) {
    const record = await resume.read()
    const deferred = record.trusted.full ? options.deferred : undefined
    const sample = deferred ? [] : record.sample
    deferred?.(record.sample)
    const right = await check({ metainfo, storage, hashPool, signal, pieces: sample })
    // with one wrong piece in the sample, the record is ignored
    if (sample.every(index => right.has(index))) {
      trusted = record.trusted
      options.resumed?.(record.trusted, record.partial ?? new Map())
    }
  }
  return check({
    metainfo,
    storage,
    hashPool,
    signal,
    progress,
    ...pick({ trusted, states }, 'trusted', 'states'),
  })
}
