// @ts-check
/** The messages of the peer protocol (BEP 3) that the programs of the bench use. */

export const BLOCK_LENGTH = 16384

/**
 * @param {Buffer} infoHash
 * @param {string} peerId 20 characters
 */
export function handshake(infoHash, peerId) {
  return Buffer.concat([
    Buffer.from('\x13BitTorrent protocol'),
    Buffer.alloc(8),
    infoHash,
    Buffer.from(peerId),
  ])
}

/**
 * Returns a message that has only an id: unchoke is 1, interested is 2.
 * @param {number} id
 */
export const bare = id => Buffer.from([0, 0, 0, 1, id])

/**
 * The bitfield of a seed.
 * @param {number} pieces
 */
export function fullBitfield(pieces) {
  const message = Buffer.alloc(5 + Math.ceil(pieces / 8), 0xff)
  message.writeUInt32BE(message.length - 4)
  message[4] = 5
  // The spare bits of the last byte must be clear.
  if (pieces % 8) message[message.length - 1] = 0xff << (8 - (pieces % 8))
  return message
}

/**
 * Writes one 17-byte request into `target` at `at`.
 * @param {Buffer} target
 * @param {number} at
 * @param {number} piece
 * @param {number} begin
 * @param {number} length
 */
export function putRequest(target, at, piece, begin, length) {
  target.writeUInt32BE(13, at)
  target[at + 4] = 6
  target.writeUInt32BE(piece, at + 5)
  target.writeUInt32BE(begin, at + 9)
  target.writeUInt32BE(length, at + 13)
}

/**
 * Cuts the bytes of a downloader into messages. These are small, so joining chunks costs little.
 * @param {(handshake: Buffer) => void} onHandshake
 * @param {(id: number, body: Buffer) => void} onMessage
 */
export function splitter(onHandshake, onMessage) {
  /** @type {Buffer} */
  let rest = Buffer.alloc(0)
  let greeted = false
  return (/** @type {Buffer} */ chunk) => {
    rest = rest.length ? Buffer.concat([rest, chunk]) : chunk
    if (!greeted) {
      if (rest.length < 68) return
      greeted = true
      onHandshake(rest.subarray(0, 68))
      rest = rest.subarray(68)
    }
    let at = 0
    while (rest.length - at >= 4) {
      const end = at + 4 + rest.readUInt32BE(at)
      if (end > rest.length) break
      if (end > at + 4) onMessage(/** @type {number} */ (rest[at + 4]), rest.subarray(at + 5, end))
      at = end
    }
    rest = rest.subarray(at)
  }
}
