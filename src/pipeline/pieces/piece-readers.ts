import { BLOCK_LENGTH } from '../../codec/message.ts'
import { InputError } from '../../errors.ts'
import type { Metainfo } from '../../metainfo/metainfo.ts'
import type { ReadWindow, Storage } from '../../storage/storage.ts'
import type { ByteSource } from '../../streams/read/file-reader.ts'
import { type ReadablePieces, VerifiedReader } from '../reading/verified-reader.ts'
import type { Cursors } from './cursors.ts'

export interface PieceReadersOptions {
  readonly metainfo: Metainfo
  readonly pieces: ReadablePieces
  /** The positions of readers. */
  readonly cursors: Cursors
  /** Reads verified pieces. */
  readonly reads: Pick<Storage, 'read'>
  /** Passes pieces to readers instead of `reads`. */
  readonly window: ReadWindow | undefined
}

/** Opens readers of the bytes of a torrent, each with a cursor at the piece that it needs next. */
export class PieceReaders {
  readonly #options: PieceReadersOptions

  constructor(options: PieceReadersOptions) {
    this.#options = options
  }

  /**
   * Opens the bytes from `start` to before `end`, counted from the torrent's start.
   * @throws InputError ERR_USAGE for a range outside the torrent, ERR_BUSY when memory has no room for another reader
   */
  open(start: number, end: number): Required<ByteSource> {
    const { cursors, metainfo, reads, window } = this.#options
    const { format, length, pieceLength } = metainfo
    checkRange(start, end, length)
    if (window && cursors.size >= cursors.room) {
      throw new InputError('ERR_BUSY', `${cursors.size} readers are as many as memory has room for`)
    }
    const blockOf = (position: number) =>
      format === 'v1' ? 0 : Math.floor((position % pieceLength) / BLOCK_LENGTH)
    const pieces = [Math.floor(start / pieceLength), Math.ceil(end / pieceLength)] as const
    const cursor = cursors.open(...pieces, blockOf(start))
    const moved = (position: number, waiting: boolean) =>
      cursors.move(cursor, Math.floor(position / pieceLength), waiting, blockOf(position))
    const source: ByteSource = window
      ? window.open({ start, end, cursor: moved })
      : new VerifiedReader(this.#options.pieces, reads, moved)
    return {
      take: (position, length) => source.take(position, length),
      close: () => {
        source.close?.()
        cursors.close(cursor)
      },
    }
  }
}

function checkRange(start: number, end: number, length: number): void {
  if (!Number.isSafeInteger(end) || end < 0 || end > length)
    throw new InputError('ERR_USAGE', `end: expected a byte from 0 to ${length}, got ${end}`)
  if (!Number.isSafeInteger(start) || start < 0 || start > end)
    throw new InputError('ERR_USAGE', `start: expected a byte from 0 to ${end}, got ${start}`)
}
