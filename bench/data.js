// @ts-check
/** The data that every contender downloads, and the .torrent that names it. */
import { createCipheriv, createHash } from 'node:crypto'
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  rmSync,
  statfsSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const MiB = 1024 * 1024

/**
 * Creates a directory with room for `bytes`, in memory if possible, because a disk would limit the contenders. It is
 * removed when the process ends.
 * @param {number} bytes
 */
export function makeScratch(bytes) {
  const shm = '/dev/shm'
  const { bavail, bsize } = existsSync(shm) ? statfsSync(shm) : { bavail: 0, bsize: 0 }
  const dir = mkdtempSync(join(bavail * bsize > bytes * 1.1 ? shm : tmpdir(), 'tsdl-bench-'))
  process.on('exit', () => rmSync(dir, { recursive: true, force: true }))
  // Without this, a signal would leave the directory and the measured program behind.
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1))
  return dir
}

/**
 * @typedef {object} Data
 * @property {string} dir the directory that a seed shares, with the only file
 * @property {string} name
 * @property {string} file
 * @property {string} torrent
 * @property {string} meta a JSON file for bench/floor.js, which has no bencode parser
 * @property {number} length
 * @property {number} pieceLength
 * @property {Buffer} infoHash
 * @property {string} sha1 of the whole file, hex
 */

/**
 * Writes `length` incompressible bytes, the same in every run, and their .torrent.
 * @param {string} dir
 * @param {number} length
 * @param {number} [pieceLength]
 * @returns {Data}
 */
export function makeData(dir, length, pieceLength = MiB) {
  const name = 'data.bin'
  const file = join(dir, name)
  const keystream = createCipheriv('aes-128-ctr', Buffer.alloc(16, 'tsdl'), Buffer.alloc(16))
  const whole = createHash('sha1')
  const zeros = Buffer.alloc(pieceLength)
  const hashes = []
  const fd = openSync(file, 'w')
  for (let at = 0; at < length; at += pieceLength) {
    const piece = keystream.update(zeros.subarray(0, Math.min(pieceLength, length - at)))
    writeSync(fd, piece)
    whole.update(piece)
    hashes.push(createHash('sha1').update(piece).digest())
  }
  closeSync(fd)
  const pieces = Buffer.concat(hashes)
  const made = makeTorrent(join(dir, 'data.torrent'), name, length, pieceLength, pieces)
  const meta = join(dir, 'data.json')
  const infoHash = made.infoHash.toString('hex')
  writeFileSync(meta, JSON.stringify({ infoHash, length, pieceLength, hashes: pieces.toString('base64') }))
  return { dir, name, file, length, pieceLength, meta, sha1: whole.digest('hex'), ...made }
}

/**
 * Writes a .torrent of one file. It is private, so that no client uses DHT, PEX or LSD.
 * @param {string} path
 * @param {string} name
 * @param {number} length
 * @param {number} pieceLength
 * @param {Buffer} pieces
 */
export function makeTorrent(path, name, length, pieceLength, pieces) {
  const info = encode({ length, name, 'piece length': pieceLength, pieces, private: 1 })
  writeFileSync(path, Buffer.concat([Buffer.from('d4:info'), info, Buffer.from('e')]))
  return { torrent: path, infoHash: createHash('sha1').update(info).digest() }
}

/** @typedef {number | string | Buffer | readonly Bencoded[] | { readonly [key: string]: Bencoded }} Bencoded */

/**
 * Bencodes the values of a .torrent. It does not use the codec of tsdl, because tsdl is measured.
 * @param {Bencoded} value
 * @returns {Buffer}
 */
export function encode(value) {
  if (typeof value === 'number') return Buffer.from(`i${value}e`)
  if (typeof value === 'string') return encode(Buffer.from(value))
  if (Buffer.isBuffer(value)) return Buffer.concat([Buffer.from(`${value.length}:`), value])
  if (Array.isArray(value)) return Buffer.concat([Buffer.from('l'), ...value.map(encode), Buffer.from('e')])
  const entries = Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([key, item]) => [encode(key), encode(item)])
  return Buffer.concat([Buffer.from('d'), ...entries, Buffer.from('e')])
}
