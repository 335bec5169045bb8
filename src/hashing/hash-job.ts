import type { PieceShape } from '../metainfo/piece-digest.ts'

/** Consecutive bytes of one file. */
export interface FileRange {
  /** The descriptor of an open file, or the path of a file. */
  readonly file: number | string
  /** Bytes from the start of the file. */
  readonly offset: number
  /** Bytes. */
  readonly length: number
  /** True if the file must end with this range. @default false */
  readonly toEnd?: boolean
}

/** Bytes of a job: enough that messages cost little, few enough for a smooth progress. */
export const JOB_BYTES = 8 << 20

/** Bytes that are hashed in a step, unless a piece in a `HashJob` is longer: a step takes about a millisecond. */
export const STEP_BYTES = 1 << 20

/** Pieces to hash. Each piece consists of the bytes of its ranges, in order. */
export type HashJob = readonly (readonly FileRange[])[]

/** A piece of a v2 or hybrid torrent (BEP 52), which lies in one file. */
export interface TreePiece {
  readonly range: FileRange
  /** The number of layers between the leaves and the node of the piece. */
  readonly height: number
  /** Zeros that its SHA-1 hash covers after the range. @default the piece has no SHA-1 hash */
  readonly padding?: number
}

/** A piece in shared memory. */
export interface MemoryPiece {
  readonly bytes: Uint8Array
  /** For a piece of a v2 or hybrid torrent. */
  readonly shape?: PieceShape | undefined
}

/** The hashes of a `TreePiece`. */
export interface TreeHashes {
  /** The node of the piece in the Merkle tree of its file, 32 bytes. */
  readonly node: Uint8Array
  /** 20 bytes, if the piece has `padding`. */
  readonly sha1?: Uint8Array
}

/** A range with fewer or more bytes than expected. */
export interface RangeMismatch {
  readonly range: FileRange
  /** Number of bytes from the start of the file that are present. */
  readonly present: number
}

/** The result for one piece: its SHA-1 hash, or why it has none. */
export type PieceHash = Uint8Array | RangeMismatch

/** The result for one `TreePiece`: its hashes, or why it has none. */
export type TreeResult = TreeHashes | RangeMismatch

/** The size of a directory in a `Listing`. */
export const DIRECTORY_SIZE = -1

/** The size of a symlink in a `Listing`. */
export const SYMLINK_SIZE = -2

/** The files and directories in a directory, in a form that costs little to send. */
export interface Listing {
  /** The names, separated by slashes. */
  readonly names: string
  /** The result of `arePlainNames`. */
  readonly arePlain: boolean
  /** The size of each in bytes, or DIRECTORY_SIZE or SYMLINK_SIZE. */
  readonly sizes: Float64Array
  /** The attributes of each, if they were requested: '', 'x' for an executable, or the target of a symlink. */
  readonly attributes?: string
  /** The bytes of small files in shared memory, one after another, if it was requested. */
  readonly content?: Uint8Array
  /** For each the offset of its bytes in `content`, or -1 if they are not there. */
  readonly offsets?: Int32Array
}

/** Directories to list. */
export interface DirectoryJob {
  readonly directories: readonly string[]
  /** True to list links too, and which files are executable. @default false */
  readonly attributes?: boolean
  /** Maximum number of bytes of small files to read as well. @default 0 */
  readonly contentBytes?: number
}

/** The bytes of consecutive files of a v1 torrent that make whole pieces, in shared memory. */
export interface ContentRun {
  readonly content: readonly Uint8Array[]
  readonly pieceLength: number
}

/** Consecutive files of a v1 torrent in a form that costs little to send, and their bytes that make whole pieces. */
export interface FileRun {
  /** Comes before each path. */
  readonly prefix: string
  /** The paths, separated by NUL. */
  readonly paths: string
  /** The size of each file in bytes. */
  readonly sizes: Float64Array
  /** Offset of the first byte in the first file. */
  readonly offset: number
  /** Bytes in all. The last piece of a torrent may be shorter than the others. */
  readonly length: number
  readonly pieceLength: number
}

/** A file of a `FileRun` that has changed. */
export interface ChangedFile {
  /** Position of the file in the run. */
  readonly at: number
  /** Number of bytes from the start of the file that are present. */
  readonly present: number
}

/** The result of a `FileRun`: the SHA-1 hashes of its pieces, one after another, or why there are none. */
export type RunHashes = Uint8Array | ChangedFile

/** A request to the worker: bytes to hash, or directories to list. */
export type HashRequest =
  | { readonly pieces: HashJob }
  | { readonly trees: readonly TreePiece[] }
  | { readonly run: FileRun }
  | DirectoryJob
  | ContentRun

/** A reply of the worker: the results in the order of the request, or the system error that ended it. */
export type HashReply =
  | { readonly hashes: readonly PieceHash[] }
  | { readonly trees: readonly TreeResult[] }
  | { readonly run: RunHashes }
  | { readonly listings: readonly Listing[] }
  | { readonly error: HashFailure }

/** A system error in a worker. */
export interface HashFailure {
  readonly message: string
  readonly code?: string
  readonly errno?: number
  readonly syscall?: string
  /** The path of the file that could not be opened or read, if the range had one. */
  readonly path?: string
}
