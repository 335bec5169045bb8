/**
 * Torrents of BEP 52 for tests. Trees are computed layer by layer from whole files, so that tests compare two
 * computations.
 */
import { createHash } from 'node:crypto'
import { parse } from '../../src/metainfo/parse.ts'
import { type MadeTorrent, noise } from './metainfo.ts'

const BLOCK_BYTES = 16_384

/** A value to bencode. The keys of a Map are bytes in latin1, and keep their order. */
export type Value = number | string | Uint8Array | readonly Value[] | Map<string, Value>

/** Encodes a value without sorting. */
export function bencode(value: Value): Buffer {
  if (typeof value === 'number') return Buffer.from(`i${value}e`)
  if (typeof value === 'string') return bencode(Buffer.from(value))
  if (value instanceof Uint8Array) return Buffer.concat([Buffer.from(`${value.length}:`), value])
  if (value instanceof Map) {
    const entries = [...value].flatMap(([key, inner]) => [
      bencode(Buffer.from(key, 'latin1')),
      bencode(inner),
    ])
    return Buffer.concat([Buffer.from('d'), ...entries, Buffer.from('e')])
  }
  return Buffer.concat([Buffer.from('l'), ...value.map(bencode), Buffer.from('e')])
}

/** Returns a dictionary with sorted keys, without undefined entries. */
export function dict(entries: { readonly [key: string]: Value | undefined }): Map<string, Value> {
  const present = Object.entries(entries).filter((entry): entry is [string, Value] => entry[1] !== undefined)
  return new Map(present.sort(([a], [b]) => Buffer.from(a, 'latin1').compare(Buffer.from(b, 'latin1'))))
}

export function sha256(...parts: readonly Uint8Array[]): Buffer {
  return createHash('sha256').update(Buffer.concat(parts)).digest()
}

/** Returns the layers of the tree of a file, the leaves first. */
export function layersOf(content: Uint8Array): Buffer[][] {
  const leaves: Buffer[] = []
  for (let at = 0; at < content.length; at += BLOCK_BYTES)
    leaves.push(sha256(content.subarray(at, at + BLOCK_BYTES)))
  const width = 2 ** Math.ceil(Math.log2(leaves.length))
  let layer = [...leaves, ...Array.from({ length: width - leaves.length }, () => Buffer.alloc(32))]
  const layers = [layer]
  while (layer.length > 1) {
    layer = Array.from({ length: layer.length / 2 }, (_, at) => sha256(layer[2 * at]!, layer[2 * at + 1]!))
    layers.push(layer)
  }
  return layers
}

export function rootOf(content: Uint8Array): Buffer {
  return layersOf(content).at(-1)![0]!
}

/** Returns the properties of a file in the tree. */
export function leafEntry(
  content: Uint8Array,
  more: { readonly [key: string]: Value | undefined } = {},
): Value {
  const root = content.length > 0 ? { 'pieces root': rootOf(content) } : {}
  return new Map([['', dict({ length: content.length, ...root, ...more })]])
}

/** Returns the nodes of a file's pieces, or undefined if it has one piece. */
export function pieceLayer(content: Uint8Array, pieceLength: number): Buffer | undefined {
  const pieces = Math.ceil(content.length / pieceLength)
  return pieces < 2
    ? undefined
    : Buffer.concat(layersOf(content)[Math.log2(pieceLength / BLOCK_BYTES)]!.slice(0, pieces))
}

/** The parts of a torrent that a test may replace. */
export interface V2Parts {
  readonly info?: { readonly [key: string]: Value | undefined }
  readonly top?: { readonly [key: string]: Value | undefined }
}

/** Returns a v2 torrent of files at the top of the tree, named by their keys. */
export function v2Torrent(
  files: { readonly [name: string]: Uint8Array },
  pieceLength: number,
  parts: V2Parts = {},
): Buffer {
  const tree = dict(
    Object.fromEntries(Object.entries(files).map(([name, content]) => [name, leafEntry(content)])),
  )
  const layers = dict(
    Object.fromEntries(
      Object.values(files).flatMap(content => {
        const layer = pieceLayer(content, pieceLength)
        return layer ? [[rootOf(content).toString('latin1'), layer]] : []
      }),
    ),
  )
  const info = dict({
    ...{ 'file tree': tree, 'meta version': 2, name: 'd', 'piece length': pieceLength },
    ...parts.info,
  })
  return bencode(dict({ info, 'piece layers': layers, ...parts.top }))
}

/** A torrent, and the content of its files with zeros between them. */
export function torrentOfFiles(torrent: Buffer, files: { readonly [name: string]: Uint8Array }): MadeTorrent {
  const metainfo = parse(torrent)
  const content = Buffer.alloc(metainfo.length)
  for (const { offset, pad, path } of metainfo.files)
    if (!pad) content.set(files[path.replace(/^d\//, '')]!, offset)
  return { metainfo, content, info: metainfo.info }
}

export const HYBRID_PIECE_LENGTH = 32_768

/** Files of less than a piece, of several pieces, of one piece, and an empty file. */
export const hybridFiles = {
  a: noise(10, 1),
  b: noise(3 * HYBRID_PIECE_LENGTH + 100, 2),
  c: noise(HYBRID_PIECE_LENGTH, 3),
  empty: Buffer.alloc(0),
}

/** The fields of BEP 3 that make a torrent of `hybridFiles` hybrid, with padding between the files. */
export const hybridInfo = makeHybridInfo()

/** The torrent of `hybridFiles` in a format. */
export function hybridFilesTorrent(format: 'hybrid' | 'v2'): MadeTorrent {
  const info = format === 'hybrid' ? { info: hybridInfo } : {}
  return torrentOfFiles(v2Torrent(hybridFiles, HYBRID_PIECE_LENGTH, info), hybridFiles)
}

function makeHybridInfo() {
  const { a, b, c } = hybridFiles
  const content = Buffer.concat([a, zerosAfter(a), b, zerosAfter(b), c])
  const hashes: Buffer[] = []
  for (let at = 0; at < content.length; at += HYBRID_PIECE_LENGTH) {
    hashes.push(
      createHash('sha1')
        .update(content.subarray(at, at + HYBRID_PIECE_LENGTH))
        .digest(),
    )
  }
  const padding = (file: Uint8Array) => {
    const { length } = zerosAfter(file)
    return dict({ attr: 'p', length, path: ['.pad', `${length}`] })
  }
  return {
    pieces: Buffer.concat(hashes),
    files: [
      ...[dict({ length: a.length, path: ['a'] }), padding(a)],
      ...[dict({ length: b.length, path: ['b'] }), padding(b)],
      dict({ length: c.length, path: ['c'] }),
      dict({ length: 0, path: ['empty'] }),
    ],
  }
}

function zerosAfter({ length }: Uint8Array): Buffer {
  return Buffer.alloc((HYBRID_PIECE_LENGTH - (length % HYBRID_PIECE_LENGTH)) % HYBRID_PIECE_LENGTH)
}
