import { createCipheriv, createHash } from 'node:crypto'
import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/** The content of a test: files below `dir`, their torrent, and their hashes. */
export interface Content {
  /** The directory with the file, or the folder of files, called `name`. */
  readonly dir: string
  readonly name: string
  /** Path of the .torrent. */
  readonly torrent: string
  readonly infoHash: Buffer
  readonly pieces: number
  readonly length: number
  readonly files: readonly ContentFile[]
}

/** One file: its path below a download folder, and its expected hash. */
export interface ContentFile {
  readonly path: string
  readonly length: number
  readonly sha1: string
}

const PIECE_LENGTH = 256 * 1024

/**
 * Private, so that no client looks for other peers than those of the test. No client sends metadata of private
 * torrents.
 */
type Openness = 'private' | 'public'

/** One file of about `size` bytes, its last piece and last block both short. */
export function oneFile(dir: string, size: number, openness: Openness = 'private') {
  return makeContent(dir, 'one.bin', [{ path: [], length: size - 12_345 }], openness)
}

/** The same file in a public torrent: its peers are found by any enabled source. */
export function publicFile(dir: string, size: number) {
  return makeContent(dir, 'public.bin', [{ path: [], length: size - 12_345 }], 'public')
}

/**
 * Files that begin and end within pieces. One is empty, one has a single byte, and names have spaces and other scripts.
 */
export function oddFiles(dir: string, size: number) {
  return makeContent(dir, 'odd files', [
    { path: ['a first part.bin'], length: Math.floor(size * 0.6) + 1 },
    { path: ['empty'], length: 0 },
    { path: ['sub folder', 'naïve – 数据.bin'], length: Math.floor(size * 0.4) - 54_321 },
    { path: ['sub folder', 'one byte'], length: 1 },
    { path: ['zz', 'last'], length: 16_385 },
  ])
}

/** The size of the content of tests, in bytes. TSDL_INTEROP_SIZE=1073741824 is for a run by hand. */
export function interopSize(most = Number.POSITIVE_INFINITY) {
  const { TSDL_INTEROP_SIZE: size } = process.env
  return size ? Number(size) : Math.min(32 << 20, most)
}

function makeContent(
  dir: string,
  name: string,
  entries: { path: string[]; length: number }[],
  openness: Openness = 'private',
): Content {
  const keystream = createCipheriv('aes-128-ctr', Buffer.alloc(16, name), Buffer.alloc(16))
  const pieces: Buffer[] = []
  let piece = createHash('sha1')
  let inPiece = 0
  const files = entries.map(({ path, length }) => {
    const file = join(dir, name, ...path)
    const whole = createHash('sha1')
    mkdirSync(dirname(file), { recursive: true })
    const fd = openSync(file, 'w')
    for (let left = length; left > 0; ) {
      const bytes = keystream.update(Buffer.alloc(Math.min(left, PIECE_LENGTH - inPiece)))
      writeSync(fd, bytes)
      whole.update(bytes)
      piece.update(bytes)
      left -= bytes.length
      inPiece += bytes.length
      if (inPiece < PIECE_LENGTH) continue
      pieces.push(piece.digest())
      piece = createHash('sha1')
      inPiece = 0
    }
    closeSync(fd)
    return { path: join(name, ...path), length, sha1: whole.digest('hex') }
  })
  if (inPiece) pieces.push(piece.digest())

  const single = entries[0]?.path.length === 0
  const isPrivate = openness === 'private' ? { private: 1 } : {}
  const common = { name, 'piece length': PIECE_LENGTH, pieces: Buffer.concat(pieces), ...isPrivate }
  const info = encode(single ? { ...common, length: entries[0]?.length ?? 0 } : { ...common, files: entries })
  const torrent = join(dir, `${name}.torrent`)
  writeFileSync(torrent, Buffer.concat([Buffer.from('d4:info'), info, Buffer.from('e')]))
  const length = entries.reduce((sum, entry) => sum + entry.length, 0)
  return {
    dir,
    name,
    torrent,
    infoHash: createHash('sha1').update(info).digest(),
    pieces: pieces.length,
    length,
    files,
  }
}

/** The same content with a torrent that contains a tracker. The info-hash is the same. */
export async function announcedAt(url: string, content: Content): Promise<Content> {
  const torrent = join(content.dir, 'announced.torrent')
  const plain = await readFile(content.torrent)
  // `announce` sorts before `info`, which follows unchanged.
  writeFileSync(torrent, Buffer.concat([Buffer.from(`d8:announce${url.length}:${url}`), plain.subarray(1)]))
  return { ...content, torrent }
}

type Value = number | string | Buffer | Value[] | { [key: string]: Value }

/** A separate bencoder for tests, so that the codec of tsdl is not compared with itself. */
function encode(value: Value): Buffer {
  if (typeof value === 'number') return Buffer.from(`i${value}e`)
  if (typeof value === 'string') return encode(Buffer.from(value))
  if (Buffer.isBuffer(value)) return Buffer.concat([Buffer.from(`${value.length}:`), value])
  const parts = Array.isArray(value)
    ? value.map(encode)
    : Object.entries(value)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .flatMap(([key, inner]) => [encode(key), encode(inner)])
  return Buffer.concat([Buffer.from(Array.isArray(value) ? 'l' : 'd'), ...parts, Buffer.from('e')])
}

/** Returns the differences between `content` and the files below `dir`: '' if every byte is right. */
export async function differences(content: Content, dir: string) {
  const wrong: string[] = []
  for (const { path, length, sha1 } of content.files) {
    const file = join(dir, path)
    const size = await stat(file).then(
      found => found.size,
      () => -1,
    )
    if (size !== length)
      wrong.push(size < 0 ? `${path} is missing` : `${path} has ${size} bytes of ${length}`)
    else if ((await sha1Of(file)) !== sha1) wrong.push(`${path} has wrong bytes`)
  }
  return wrong
}

/** The SHA-1 of a file, hex. */
export async function sha1Of(file: string) {
  return createHash('sha1')
    .update(await readFile(file))
    .digest('hex')
}
