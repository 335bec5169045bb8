/** The places of the files of a new torrent, in each format. */

import { blocksOf, heightOf, NODE_LENGTH } from '../codec/merkle.ts'
import { quote } from '../codec/quote.ts'
import type { Steps } from '../codec/steps.ts'
import { InputError } from '../errors.ts'
import type { TorrentFormat } from './metainfo.ts'
import { pieceLayerOf, rootOf } from './piece-layers.ts'
import { nameBytes, type SourceFile } from './source-file.ts'

/** A file and its place. */
export interface PlannedFile {
  readonly source: SourceFile
  /** Offset of its first byte in the torrent. */
  readonly offset: number
  /** Bytes of padding after it in the list of a hybrid torrent. */
  readonly padding: number
}

/** The files of a new torrent in their order. */
export interface ContentPlan {
  readonly format: TorrentFormat
  readonly pieceLength: number
  readonly pieceCount: number
  readonly files: readonly PlannedFile[]
}

/** The hashes of all pieces of a torrent. */
export interface PieceHashes {
  /** SHA-1 hashes, 20 bytes each; empty for v2. */
  readonly hashes: Buffer
  /** Nodes in the Merkle trees of the files, 32 bytes each; empty for v1. */
  readonly nodes: Buffer
}

/**
 * Places files one after another for v1, and otherwise each at the start of a piece, in the order of the file tree. In a
 * hybrid torrent of several files, padding follows each file that does not end with a piece, the last one too, as in
 * torrents of the reference creator and of libtorrent.
 * @throws InputError ERR_PATH if a file is also a directory, or occurs twice
 */
export function planContent(
  given: readonly SourceFile[],
  format: TorrentFormat,
  pieceLength: number,
): ContentPlan {
  const sources = format === 'v1' ? given : sortedForTree(given)
  const padded = format === 'hybrid' && given.length > 1
  let offset = 0
  const files = sources.map((source): PlannedFile => {
    const padding = padded ? zerosAfter(source.length, pieceLength) : 0
    const file = { source, offset, padding }
    offset += source.length + (format === 'v1' ? 0 : zerosAfter(source.length, pieceLength))
    return file
  })
  return { format, pieceLength, pieceCount: Math.ceil(offset / pieceLength), files }
}

/** Returns the number of layers between the leaves and the node of a piece. */
export function nodeHeight(fileLength: number, pieceLength: number): number {
  return fileLength > pieceLength ? pieceLayerOf(pieceLength) : heightOf(blocksOf(fileLength))
}

/** Returns the roots of all files that are not empty from the nodes of all pieces. */
export function* rootsFromNodes(
  { files, pieceLength }: ContentPlan,
  nodes: Buffer,
): Steps<Map<PlannedFile, Buffer>> {
  const roots = new Map<PlannedFile, Buffer>()
  for (const file of files) {
    const first = (file.offset / pieceLength) * NODE_LENGTH
    const count = Math.ceil(file.source.length / pieceLength)
    const layer = nodes.subarray(first, first + count * NODE_LENGTH)
    if (count > 0) roots.set(file, yield* rootOf(layer, pieceLength))
  }
  return roots
}

function zerosAfter(length: number, pieceLength: number): number {
  return (pieceLength - (length % pieceLength)) % pieceLength
}

function sortedForTree(given: readonly SourceFile[]): SourceFile[] {
  const named = given.map(source => ({ source, names: source.path.map(nameBytes) }))
  named.sort((a, b) => compareBytePaths(a.names, b.names))
  for (const [index, { names }] of named.entries()) {
    const before = named[index - 1]?.names
    if (!before?.every((name, at) => names[at]?.equals(name))) continue
    const path = quote(before.map(name => name.toString('utf8')).join('/'))
    throw new InputError(
      'ERR_PATH',
      `unsafe path ${path}: ${before.length === names.length ? 'it occurs twice' : 'it is also a directory'}`,
    )
  }
  return named.map(({ source }) => source)
}

function compareBytePaths(a: readonly Buffer[], b: readonly Buffer[]): number {
  for (let at = 0; at < Math.min(a.length, b.length); at++) {
    const order = a[at]!.compare(b[at]!)
    if (order !== 0) return order
  }
  return a.length - b.length
}
