import { createHash } from 'node:crypto'
import type { Bitfield } from '../../codec/bitfield.ts'
import type { Layout } from '../../metainfo/layout.ts'
import type { Metainfo } from '../../metainfo/metainfo.ts'
import { PieceTrees } from '../../metainfo/piece-trees.ts'
import { TwinPieces } from '../../metainfo/twin-pieces.ts'
import type { ReusableFiles } from '../../storage/reusable-files.ts'
import type { Storage } from '../../storage/storage.ts'

/** Bytes that are read and hashed at once, about half a millisecond of hashing. */
const READ_BYTES = 1 << 20

/** Options of `reusePieces`. */
export interface ReusePiecesOptions {
  readonly metainfo: Metainfo
  readonly layout: Layout
  readonly storage: Pick<Storage, 'read' | 'write'>
  /** Files that are not part of the torrent. @default none */
  readonly files?: ReusableFiles | undefined
  readonly wanted: Bitfield
  /** The verified pieces. The caller adds each piece that it gets. */
  readonly verified: Bitfield
  readonly signal: AbortSignal
}

/** A piece with bytes of one file only. */
interface FilePiece {
  readonly index: number
  /** Offset of its first byte in the file. */
  readonly offset: number
  /** Bytes of the file in it; padding follows them. */
  readonly length: number
}

/** Reads bytes of a file into `target`. Resolves with their number. */
type Read = (offset: number, target: Uint8Array) => Promise<number>

/**
 * Fills missing pieces with bytes that are on disk already: those of other files with the same root (BEP 52), and those of
 * files with the right size elsewhere. Each piece is verified, stored and yielded. A piece with bytes of several files is
 * left out.
 * Rejects with a StorageError, with ERR_USAGE for a directory that cannot be read, and with the reason of `signal`.
 */
export async function* reusePieces(options: ReusePiecesOptions): AsyncGenerator<number, void> {
  const { files, metainfo, signal } = options
  const twins = TwinPieces.of(metainfo, options.layout)
  if (!twins && !files) return
  const missing = [...metainfo.files.keys()].map(file => [file, missingPieces(options, file)] as const)
  const incomplete = missing.filter(([, pieces]) => pieces.length > 0)
  if (incomplete.length === 0) return
  const copier = new PieceCopier(options)
  for (const [, pieces] of incomplete) if (twins) yield* copier.copyTwins(pieces, twins)
  if (!files) return
  const sizes = new Set(incomplete.map(([file]) => metainfo.files[file]!.length))
  const found = await files.find(sizes, signal)
  for (const [file, pieces] of incomplete) {
    for (const path of found.get(metainfo.files[file]!.length) ?? []) {
      yield* copier.copyFile(pieces, files, path)
    }
  }
}

function missingPieces(options: ReusePiecesOptions, file: number): FilePiece[] {
  const { layout } = options
  const { length, offset, pad } = layout.files[file]!
  const range = pad ? undefined : layout.piecesOf(file)
  const pieces: FilePiece[] = []
  for (let index = range?.first ?? 0; range && index <= range.last; index++) {
    if (!isMissing(options, index)) continue
    const { position, length: size } = layout.pieceRange(index)
    if (position < offset) continue
    const own = Math.min(size, offset + length - position)
    if (layout.spans(position + own, size - own).some(span => !span.file.pad)) continue
    pieces.push({ index, offset: position - offset, length: own })
  }
  return pieces
}

function isMissing({ verified, wanted }: ReusePiecesOptions, index: number): boolean {
  return wanted.has(index) && !verified.has(index)
}

/** Copies pieces into the storage, one at a time, and yields each that was right. */
class PieceCopier {
  readonly #options: ReusePiecesOptions
  readonly #trees: PieceTrees | undefined
  readonly #buffer: Buffer

  constructor(options: ReusePiecesOptions) {
    this.#options = options
    this.#trees = PieceTrees.of(options.metainfo, options.layout)
    this.#buffer = Buffer.alloc(options.layout.pieceLength)
  }

  /** Copies verified pieces to their twins. */
  async *copyTwins(pieces: readonly FilePiece[], twins: TwinPieces): AsyncGenerator<number, void> {
    const { layout, storage, verified } = this.#options
    for (const piece of pieces) {
      const twin = twins.twinsOf(piece.index).find(index => verified.has(index))
      if (twin === undefined) continue
      const start = twin * layout.pieceLength - piece.offset
      const isRight = await this.#copy(piece, (offset, target) => storage.read(start + offset, target))
      if (isRight) yield piece.index
    }
  }

  /** Copies pieces from a file. It gives up if the first one is wrong, since the file is another one then. */
  async *copyFile(
    pieces: readonly FilePiece[],
    files: ReusableFiles,
    path: string,
  ): AsyncGenerator<number, void> {
    const handle = await files.open(path).catch(() => undefined)
    if (!handle) return
    const read: Read = async (offset, target) =>
      (await handle.read(target, 0, target.length, offset).catch(() => ({ bytesRead: 0 }))).bytesRead
    try {
      const missing = pieces.filter(({ index }) => isMissing(this.#options, index))
      for (const [at, piece] of missing.entries()) {
        const isRight = await this.#copy(piece, read)
        if (isRight) yield piece.index
        else if (at === 0) return
      }
    } finally {
      await handle.close()
    }
  }

  /** Stores a piece if its bytes are right. @returns false if they are not */
  async #copy(piece: FilePiece, read: Read): Promise<boolean> {
    const { layout, metainfo, signal, storage } = this.#options
    const { index, length, offset } = piece
    const hash = this.#trees?.begin(index) ?? createHash('sha1')
    const bytes = this.#buffer.subarray(0, layout.pieceSize(index))
    bytes.fill(0, length)
    for (let at = 0; at < length; ) {
      signal.throwIfAborted()
      const readLength = await read(offset + at, bytes.subarray(at, Math.min(length, at + READ_BYTES)))
      if (readLength === 0) return false
      hash.update(bytes.subarray(at, at + readLength))
      at += readLength
    }
    if (bytes.length > length) hash.update(bytes.subarray(length))
    const expected = this.#trees?.expected(index) ?? metainfo.hashes.subarray(index * 20, index * 20 + 20)
    if (Buffer.compare(hash.digest(), expected) !== 0) return false
    this.#buffer.fill(0, bytes.length)
    await storage.write(
      layout.pieceRange(index).position,
      this.#buffer.subarray(0, bytes.length + layout.gapAfter(index)),
    )
    return true
  }
}
