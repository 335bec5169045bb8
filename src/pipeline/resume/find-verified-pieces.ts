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

/** The resume record in a file. */
class ResumeFile implements Resume {
  readonly #path: string
  readonly #metainfo: Metainfo
  readonly #storage: FileStorage
  readonly #fs: FileSystem

  constructor(path: string, metainfo: Metainfo, storage: FileStorage, fs: FileSystem) {
    this.#path = path
    this.#metainfo = metainfo
    this.#storage = storage
    this.#fs = fs
  }

  read(): Promise<ResumedPieces> {
    const storage = { states: (indexes: readonly number[]) => this.#storage.rememberedStates(indexes) }
    return readResumeRecord({ ...this.#options, storage })
  }

  write(verified: Bitfield, partial: PartialBlocks = new Map()): Promise<void> {
    return writeResumeRecord({ ...this.#options, storage: this.#storage, verified, partial })
  }

  get #options() {
    return { fs: this.#fs, path: this.#path, metainfo: this.#metainfo }
  }
}

/** Opens the resume record at `path` of a torrent in `storage`. */
export function resumeAt(
  path: string,
  metainfo: Metainfo,
  storage: FileStorage,
  fs: FileSystem = nodeFileSystem,
): Resume {
  return new ResumeFile(path, metainfo, storage, fs)
}

/** Options of `findVerifiedPieces`. */
export interface FindVerifiedPiecesOptions {
  readonly metainfo: Metainfo
  readonly storage: Pick<Storage, 'read' | 'useFile' | 'watch'>
  readonly hashPool?: HashPool | undefined
  readonly resume?: Resume | undefined
  /** Pieces that need no check. @default none */
  readonly trusted?: Bitfield | undefined
  /** True to leave the sample of a record that has every piece to the caller, which checks it when the pieces are used. */
  readonly deferSample?: boolean
  /** Called with the number of pieces that were checked. */
  readonly progress: (pieces: number) => void
  readonly signal: AbortSignal
}

/** A resume record that is used. */
export interface FoundRecord {
  /** The pieces that it names. */
  readonly trusted: Bitfield
  /** The stored blocks of other pieces. */
  readonly partial: PartialBlocks
}

/** The result of `findVerifiedPieces`. */
export interface FoundPieces {
  readonly pieces: Bitfield
  /** Undefined if there is no resume record, or it is ignored. */
  readonly record: FoundRecord | undefined
  /** Pieces that are still to be hashed, before any piece is used. */
  readonly deferredSample: readonly number[]
}

/** Finds the valid pieces: those in the resume record, and others by their hash. */
export async function findVerifiedPieces(options: FindVerifiedPiecesOptions): Promise<FoundPieces> {
  const { deferSample = false, metainfo, storage, hashPool, resume, progress, signal } = options
  let { trusted } = options
  let record: FoundRecord | undefined
  let deferredSample: readonly number[] = []
  // first, so that changes during the check are noticed later
  const states = await storage.watch?.remember([...metainfo.files.keys()])
  if (resume && !trusted) {
    const { sample, ...read } = await resume.read()
    const isDeferred = deferSample && read.trusted.full
    if (isDeferred) deferredSample = sample
    const hashed = isDeferred ? [] : sample
    const right = await check({ metainfo, storage, hashPool, signal, pieces: hashed })
    // with one wrong piece in the sample, the record is ignored
    if (hashed.every(index => right.has(index))) {
      trusted = read.trusted
      record = { partial: new Map(), ...read }
    }
  }
  const pieces = await check({
    ...{ metainfo, storage, hashPool, signal, progress },
    ...pick({ trusted, states }, 'trusted', 'states'),
  })
  return { pieces, record, deferredSample }
}
