// @ts-check
/**
 * The reference of the bench: the minimal download in one Node process. It reads TCP, hashes each piece with SHA-1, and
 * writes it to its place. One peer has all pieces, and pieces come in order. There is no policy, timeout, retry or
 * stream.
 *
 *     node bench/floor.js META.json HOST:PORT OUT
 */
import { createHash } from 'node:crypto'
import { closeSync, openSync, readFileSync, write } from 'node:fs'
import { connect } from 'node:net'
import { BLOCK_LENGTH, bare, handshake, putRequest } from './wire.js'

const WINDOW_REQUESTS = 512
const BATCH_REQUESTS = 128

const [metaFile = '', address = '', out = ''] = process.argv.slice(2)
const { infoHash, length, pieceLength, hashes } = JSON.parse(readFileSync(metaFile, 'utf8'))
const expected = Buffer.from(hashes, 'base64')
const fd = openSync(out, 'w')
const blocks = Math.ceil(length / BLOCK_LENGTH)

/** @typedef {{ bytes: Buffer, missing: number }} Piece */
/**
 * @type {Map<number, Piece>} a seed with several disk threads answers out of order, so a few pieces are open at once
 */
const open = new Map()
/** @type {Buffer[]} */
const pool = []
let requested = 0
let received = 0
let unwritten = 0

// State of the parser: bytes to skip, a header that may come in parts, or the rest of a payload.
const head = Buffer.alloc(13)
let headFill = 0
let skip = 68
let payload = 0
let at = 0
let index = 0
/** @type {Piece} */
let piece

const [host, port] = address.split(':')
const socket = connect({
  host,
  port: Number(port),
  onread: {
    buffer: Buffer.allocUnsafeSlow(1 << 20),
    callback(n, chunk) {
      take(/** @type {Buffer} */ (chunk), n)
      return true
    },
  },
})
socket.on('error', error => fail(error.message))
socket.on('close', () => received < blocks && fail('the seed hung up'))
socket.write(handshake(Buffer.from(infoHash, 'hex'), '-FL0001-000000000000'))
socket.write(bare(2))

/**
 * @param {Buffer} chunk
 * @param {number} end
 */
function take(chunk, end) {
  let from = 0
  while (from < end) {
    if (skip) {
      const n = Math.min(skip, end - from)
      skip -= n
      from += n
    } else if (payload) {
      const n = Math.min(payload, end - from)
      chunk.copy(piece.bytes, at, from, from + n)
      at += n
      from += n
      payload -= n
      if (!payload) blockDone()
    } else {
      head[headFill++] = /** @type {number} */ (chunk[from++])
      if (headFill === 4 && head.readUInt32BE() === 0) headFill = 0
      else if (headFill === 5 && head[4] !== 7) otherMessage()
      else if (headFill === 13) blockStart()
    }
  }
}

function otherMessage() {
  headFill = 0
  skip = head.readUInt32BE() - 1
  if (head[4] === 1) while (requested < Math.min(WINDOW_REQUESTS, blocks)) ask()
}

function ask() {
  const count = Math.min(BATCH_REQUESTS, blocks - requested)
  const batch = Buffer.allocUnsafe(count * 17)
  for (let i = 0; i < count; i++, requested++) {
    const from = requested * BLOCK_LENGTH
    putRequest(
      batch,
      i * 17,
      Math.floor(from / pieceLength),
      from % pieceLength,
      Math.min(BLOCK_LENGTH, length - from),
    )
  }
  socket.write(batch)
}

function blockStart() {
  headFill = 0
  payload = head.readUInt32BE() - 9
  index = head.readUInt32BE(5)
  at = head.readUInt32BE(9)
  const known = open.get(index)
  if (known) piece = known
  else {
    const missing = Math.min(pieceLength, length - index * pieceLength)
    piece = { bytes: pool.pop() ?? Buffer.allocUnsafeSlow(pieceLength), missing }
    open.set(index, piece)
  }
  piece.missing -= payload
}

function blockDone() {
  received++
  if (requested < blocks && requested - received <= WINDOW_REQUESTS - BATCH_REQUESTS) ask()
  if (piece.missing === 0) pieceDone(piece.bytes, index)
}

/**
 * @param {Buffer} bytes
 * @param {number} index
 */
function pieceDone(bytes, index) {
  open.delete(index)
  const size = Math.min(pieceLength, length - index * pieceLength)
  const digest = createHash('sha1').update(bytes.subarray(0, size)).digest()
  if (digest.compare(expected, index * 20, index * 20 + 20) !== 0) fail(`piece ${index} is wrong`)
  unwritten++
  write(fd, bytes, 0, size, index * pieceLength, (error, n) => {
    if (error || n !== size) fail(error?.message ?? 'a short write')
    pool.push(bytes)
    if (--unwritten === 0 && received === blocks) {
      closeSync(fd)
      socket.destroy()
    }
  })
}

/** @param {string} why */
function fail(why) {
  console.error(`floor: ${why}`)
  process.exit(1)
}
