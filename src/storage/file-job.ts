/** Operations on many files of an output directory, each group in one job: a thread needs one message for it. */
import type { FileEntry } from '../metainfo/metainfo.ts'

/** Milliseconds to sync a file from which a device is slow. In memory it takes a tenth of that. */
export const SLOW_SYNC_MS = 0.1

/** Consecutive bytes of a file, and where they are in the bytes of the job. */
export interface FilePart {
  readonly path: string
  /** Offset in the file, in bytes. */
  readonly offset: number
  readonly length: number
  /** Offset in the bytes of the job. */
  readonly at: number
}

/** Parts of files in a form that costs little to send to a thread. */
export interface PackedParts {
  /** The paths, separated by NUL. */
  readonly paths: string
  /** Offset, length and `at` of each part. */
  readonly numbers: Float64Array
}

/** The operation on the files of a job. Paths are relative to the output directory. */
export type FileWork =
  /** Returns the states of files. Paths are separated by NUL. */
  | { readonly kind: 'stat'; readonly paths: string }
  /** Puts the written bytes of files on the device. Missing files are passed over. */
  | { readonly kind: 'sync'; readonly paths: string }
  /** Reads parts of files in order, up to the first that is missing or short. */
  | { readonly kind: 'read'; readonly parts: PackedParts; readonly length: number }
  /**
   * Writes parts of files. `known` are the states that the files should have before. With `sync`, the bytes are put on the
   * device as well, as long as that takes little time.
   */
  | {
      readonly kind: 'write'
      readonly parts: PackedParts
      readonly bytes: Uint8Array
      readonly known: Uint8Array
      readonly sync: boolean
    }
  /** Gives files their lengths and modes: see `finishFile`. */
  | { readonly kind: 'finish'; readonly files: readonly FinishedEntry[]; readonly known: Uint8Array }

/** The properties of a file that `finish` sets. */
export type FinishedEntry = Pick<FileEntry, 'path' | 'length' | 'executable'>

/** A job in an output directory. */
export interface FileJob {
  readonly directory: string
  readonly work: FileWork
}

/** The result of a job. After a failure it says what was done before. */
export interface FileReply {
  /** The states of the files of the job. After `write` and `finish` they are the new states. */
  readonly states?: Uint8Array
  /** Number of files that were written or finished, including one that failed. */
  readonly done?: number
  /** Positions in the job of files that another program had changed before the operation. */
  readonly changed?: readonly number[]
  /** The bytes of `read`. */
  readonly bytes?: Uint8Array
  /** For each part of `read` the number of bytes that are present. */
  readonly present?: readonly number[]
  /** Milliseconds that `sync` took. */
  readonly took?: number
  /** Positions in the job of files with bytes that `write` did not put on the device. */
  readonly unsynced?: readonly number[]
  /** The error that ended the syncing of `write`: the system may have forgotten bytes of this file. */
  readonly syncFailure?: FileFailure
  readonly failure?: FileFailure
}

/** The error that ended a job. */
export interface FileFailure {
  /** Position of the file in the job. */
  readonly at: number
  readonly message: string
  readonly code?: string
}

/** Runs jobs. It rejects only if it could not run the job to its end. */
export interface FileJobRunner {
  run(job: FileJob): Promise<FileReply>
}

/** Packs paths, which contain no NUL. */
export function packPaths(paths: readonly string[]): string {
  return paths.join('\0')
}

/** Packs parts of at least one file. */
export function packParts(parts: readonly FilePart[]): PackedParts {
  const numbers = new Float64Array(3 * parts.length)
  for (const [index, { offset, length, at }] of parts.entries()) numbers.set([offset, length, at], 3 * index)
  return { paths: packPaths(parts.map(({ path }) => path)), numbers }
}

/** Returns the paths that `packPaths` packed. */
export function unpackPaths(paths: string): string[] {
  return paths === '' ? [] : paths.split('\0')
}

/** Returns the parts that `packParts` packed. */
export function unpackParts({ paths, numbers }: PackedParts): FilePart[] {
  return unpackPaths(paths).map((path, index) => {
    const [offset = 0, length = 0, at = 0] = numbers.subarray(3 * index, 3 * index + 3)
    return { path, offset, length, at }
  })
}
