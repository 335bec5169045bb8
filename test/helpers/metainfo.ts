/** Torrents for tests: a Metainfo with true hashes, and the content that it describes. */
import { createCipheriv, createHash } from 'node:crypto'
import type { FileEntry, Metainfo } from '../../src/metainfo/metainfo.ts'

/** A file to create: its contents, or its length. With a length the bytes are pseudo-random, or zeros for padding. */
export interface FileSpec {
  /** The value of `FileEntry.path`, without a prefix. */
  readonly path: string
  /** Bytes. @default the length of `contents`, or 0 */
  readonly length?: number
  readonly contents?: Uint8Array | string
  readonly pad?: boolean
  readonly executable?: boolean
  readonly hidden?: boolean
  /** The target of a symlink, relative to the output directory. */
  readonly symlink?: string
}

export interface TorrentSpec {
  readonly files: readonly FileSpec[]
  /** Bytes. @default 16384 */
  readonly pieceLength?: number
  /** @default 'torrent', or the path of the only file */
  readonly name?: string
  /** @default true if there are several files */
  readonly multiFile?: boolean
  readonly private?: boolean
  readonly trackers?: readonly (readonly string[])[]
  readonly webSeeds?: readonly string[]
  /** The seed of the pseudo-random content. @default 1 */
  readonly seed?: number
}

export interface MadeTorrent {
  readonly metainfo: Metainfo
  /** All files concatenated, with padding. */
  readonly content: Buffer
  /** The bencoded `info` dictionary that `infoHash` is the SHA-1 of. */
  readonly info: Buffer
}

/** Creates a torrent of these files. The same input gives the same bytes. */
export function makeTorrent(spec: TorrentSpec): MadeTorrent {
  const { pieceLength = 16384, seed = 1, multiFile = spec.files.length > 1 } = spec
  const name = spec.name ?? (multiFile ? 'torrent' : spec.files[0]!.path)
  const parts = spec.files.map((file, index) => contentsOf(file, seed * 65536 + index))
  const content = Buffer.concat(parts)

  let offset = 0
  const files = spec.files.map((file, index): FileEntry => {
    const { path, pad = false, executable = false, hidden = false, symlink } = file
    const { length } = parts[index]!
    offset += length
    const entry = { path, length, offset: offset - length, pad, executable, hidden }
    return symlink === undefined ? entry : { ...entry, symlink }
  })

  const pieceCount = Math.ceil(content.length / pieceLength)
  const hashes = Buffer.concat(
    Array.from({ length: pieceCount }, (_, index) =>
      sha1(content.subarray(index * pieceLength, (index + 1) * pieceLength)),
    ),
  )
  const isPrivate = spec.private ?? false
  const info = encode({
    name,
    'piece length': pieceLength,
    pieces: hashes,
    ...(multiFile ? { files: files.map(file => infoFile(file, name)) } : { length: content.length }),
    ...(isPrivate && { private: 1 }),
  })

  const metainfo: Metainfo = {
    format: 'v1',
    infoHash: sha1(info),
    info,
    name,
    length: content.length,
    pieceLength,
    pieceCount,
    hashes,
    files,
    multiFile,
    private: isPrivate,
    trackers: spec.trackers ?? [],
    webSeeds: spec.webSeeds ?? [],
    warnings: [],
  }
  return { metainfo, content, info }
}

/** Returns the bytes of one piece of a torrent of `makeTorrent`. */
export function pieceOf({ metainfo, content }: MadeTorrent, index: number): Buffer {
  return content.subarray(index * metainfo.pieceLength, (index + 1) * metainfo.pieceLength)
}

/** Returns `length` pseudo-random bytes, the same for the same seed. */
export function noise(length: number, seed: number): Buffer {
  const key = sha1(Buffer.from(`noise ${seed}`)).subarray(0, 16)
  return createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(length))
}

function contentsOf(file: FileSpec, seed: number): Buffer {
  if (file.contents !== undefined) return Buffer.from(file.contents as Uint8Array)
  const length = file.length ?? 0
  return file.pad ? Buffer.alloc(length) : noise(length, seed)
}

function infoFile(file: FileEntry, name: string): { [key: string]: Value } {
  const segments = (path: string) => path.replace(`${name}/`, '').split('/')
  const attr = `${file.pad ? 'p' : ''}${file.executable ? 'x' : ''}${file.hidden ? 'h' : ''}`
  const link = file.symlink !== undefined
  return {
    length: file.length,
    path: segments(file.path),
    ...((attr || link) && { attr: link ? `${attr}l` : attr }),
    ...(link && { 'symlink path': segments(file.symlink) }),
  }
}

type Value = number | string | Uint8Array | readonly Value[] | { readonly [key: string]: Value }

/** A minimal bencoder, with which tests compare the real one. */
function encode(value: Value): Buffer {
  if (typeof value === 'number') return Buffer.from(`i${value}e`)
  if (typeof value === 'string') return encode(Buffer.from(value))
  if (value instanceof Uint8Array) return Buffer.concat([Buffer.from(`${value.length}:`), value])
  if (Array.isArray(value)) return Buffer.concat([Buffer.from('l'), ...value.map(encode), Buffer.from('e')])
  const pairs = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return Buffer.concat([Buffer.from('d'), ...pairs.flat().map(encode), Buffer.from('e')])
}

function sha1(bytes: Uint8Array): Buffer {
  return createHash('sha1').update(bytes).digest()
}
