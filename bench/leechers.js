// @ts-check
/**
 * Many leechers in one process. Each has its own connection, and discards the bytes that it receives.
 *
 *     node bench/leechers.js HOST:PORT INFO-HASH LENGTH PIECE-LENGTH CONNECTIONS
 *
 * Ends when they have received LENGTH bytes together and each has received some. Prints the number of served leechers.
 */
import { connect } from 'node:net'
import { BLOCK_LENGTH, bare, handshake, putRequest, splitter } from './wire.js'

const UNDER_WAY = 64

const [address = '', infoHash = '', ...numbers] = process.argv.slice(2)
const [length = 0, pieceLength = 0, connections = 0] = numbers.map(Number)
const [host, port] = address.split(':')
const blocks = Math.ceil(length / BLOCK_LENGTH)
let received = 0
let served = 0

for (let i = 0; i < connections; i++) leech(i)

/** @param {number} number */
function leech(number) {
  // Each begins at a different piece, so that the cache of the seed does not help.
  let next = Math.floor((number * blocks) / connections)
  let pending = 0
  let choked = true
  let got = 0
  const socket = connect(Number(port), host)
  const ask = () => {
    const count = choked ? 0 : UNDER_WAY - pending
    if (count < UNDER_WAY / 4) return
    const batch = Buffer.allocUnsafe(count * 17)
    for (let i = 0; i < count; i++, next = (next + 1) % blocks) {
      const from = next * BLOCK_LENGTH
      const size = Math.min(BLOCK_LENGTH, length - from)
      putRequest(batch, i * 17, Math.floor(from / pieceLength), from % pieceLength, size)
    }
    pending += count
    socket.write(batch)
  }
  const greet = () => socket.write(bare(2))
  const take = (/** @type {number} */ id, /** @type {Buffer} */ body) => {
    if (id === 0) {
      choked = true
      pending = 0
    } else if (id === 1) {
      choked = false
      ask()
    } else if (id === 7) {
      if (!choked) pending--
      if (!got) served++
      got += body.length - 8
      received += body.length - 8
      if (received >= length && served === connections) {
        console.log(served)
        process.exit()
      }
      ask()
    }
  }
  socket.write(handshake(Buffer.from(infoHash, 'hex'), `-BL0001-${String(number).padStart(12, '0')}`))
  socket.on('data', splitter(greet, take))
  socket.on('error', error => fail(error.message))
  socket.on('close', () => fail('the seed hung up'))
}

/** @param {string} why */
function fail(why) {
  console.error(`leechers: ${why}; ${served} of ${connections} served, ${received} bytes`)
  process.exit(1)
}
