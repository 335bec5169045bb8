import type { Bitfield } from '../../codec/bitfield.ts'
import type { Storage } from '../../storage/storage.ts'
import type { Resume } from '../resume/find-verified-pieces.ts'

/** Where the bytes of a torrent go, and which are fetched: what can be decided only with its metadata. */
export interface ContentOptions {
  /** Where the bytes go. A WindowStorage passes them to readers and retains nothing. */
  readonly storage: Storage
  /** Which files are wanted, by index. @default all */
  readonly select?: (fileIndex: number) => boolean
  /** Which pieces are wanted. @default those of the selected files */
  readonly wanted?: Bitfield
  /** Nothing is fetched but what somebody reads, and it is never done. @default false */
  readonly onDemand?: boolean
  /** Lowest piece first. @default false */
  readonly sequential?: boolean
  /** What an earlier run left word of: pieces that need not be hashed again. @default none */
  readonly resume?: Resume
  /** Pieces that are known to be right and at rest: they are not looked at. @default none */
  readonly trusted?: Bitfield
  /** Whether pieces are held in `SharedArrayBuffer`s, which workers can read without a copy. @default false */
  readonly sharedMemory?: boolean
}
