import type { Bitfield } from '../../codec/bitfield.ts'
import type { ReusableFiles } from '../../storage/reusable-files.ts'
import type { Storage } from '../../storage/storage.ts'
import type { Resume } from '../resume/find-verified-pieces.ts'
import type { PiecePriority } from './picker.ts'

/** Options about the content of a torrent, which can be decided only with its metadata: the storage and the wanted pieces. */
export interface ContentOptions {
  /** Stores the bytes. A WindowStorage passes them to readers and retains nothing. */
  readonly storage: Storage
  /** Returns true for a file that is wanted, by index. @default all */
  readonly select?: (fileIndex: number) => boolean
  /** Returns the priority of a selected file: pieces of a higher one are downloaded first. @default normal */
  readonly priority?: (fileIndex: number) => PiecePriority
  /** The wanted pieces. @default those of the selected files */
  readonly wanted?: Bitfield
  /** True to fetch only what readers need soon. The torrent is never done then. @default false */
  readonly onDemand?: boolean
  /** True to fetch the lowest piece first. @default false: the rarest first */
  readonly sequential?: boolean
  /** The resume record: pieces that it names are not hashed again. @default none */
  readonly resume?: Resume
  /**
   * True to hash the sample of the resume record when the first peer or reader comes, if the record has every piece. For
   * many torrents that are shared. @default false: it is hashed at the start
   */
  readonly deferSample?: boolean
  /** Pieces that are known to be valid in the storage: they are not read at the start. @default none */
  readonly trusted?: Bitfield
  /** Files on disk with the content of missing ones, which are copied instead of downloaded. @default none */
  readonly reusable?: ReusableFiles
  /** True to hold pieces in `SharedArrayBuffer`s, which workers can read without a copy. @default false */
  readonly sharedMemory?: boolean
}
