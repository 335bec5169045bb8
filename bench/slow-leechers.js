// @ts-check
/**
 * Many slow leechers in one process. Each has its own connection and address, requests blocks at a rate, and discards
 * them.
 *
 *     node bench/slow-leechers.js HOST:PORT INFO-HASH[,INFO-HASH...] LENGTH PIECE-LENGTH CONNECTIONS BYTES-PER-SECOND SECONDS
 *
 * The connections are spread over the torrents, which have the same length. Prints "measuring" some seconds after all
 * are connected, and then "received N" with the bytes of the next SECONDS.
 */
import { connect } from 'node:net'
import { BLOCK_LENGTH, bare, handshake, putRequest, splitter } from './wire.js'

const TICK_MS = 50
/** The time from the last handshake to the measurement. The seed has unchoked peers by then. */
const SETTLE_MS = 12_000
const KEEP_ALIVE_MS = 60_000
/** A listener holds 64 connections that have not sent their handshake. */
const MAX_HALF_OPEN = 40
/** Requests without an answer of each leecher. */
const MAX_PENDING = 8
/** Connections that are opened in a tick. */
const OPENED_IN_A_TICK = 20

const [address = '', hashes = '', ...numbers] = process.argv.slice(2)
const [length = 0, pieceLength = 0, connections = 0, rate = 0, seconds = 0] = numbers.map(Number)
const [host, port] = address.split(':')
const infoHashes = hashes.split(',').map(hash => Buffer.from(hash, 'hex'))
const blocks = Math.floor(length / BLOCK_LENGTH)

/** @typedef {{ ask: (now: number) => void }} Leecher */
/** @type {Leecher[]} */
const leechers = []
let received = 0
let greeted = 0

const timer = setInterval(() => {
  const target = Math.min(connections, leechers.length + OPENED_IN_A_TICK, greeted + MAX_HALF_OPEN)
  while (leechers.length < target) leechers.push(leech(leechers.length))
  const now = performance.now()
  for (const leecher of leechers) leecher.ask(now)
}, TICK_MS)

/**
 * @param {number} number
 * @returns {Leecher}
 */
function leech(number) {
  let next = Math.floor((number * blocks) / connections)
  let choked = true
  let pending = 0
  const interval = (BLOCK_LENGTH / rate) * 1000
  // Spread evenly, so that the seed does not see all of them at once.
  let due = performance.now() + (interval * (number % 97)) / 97
  const localAddress = `127.1.${1 + Math.floor(number / 250)}.${1 + (number % 250)}`
  const socket = connect({ port: Number(port), host, localAddress })
  const greet = () => {
    socket.write(bare(2))
    if (++greeted === connections) setTimeout(measure, SETTLE_MS)
  }
  const take = (/** @type {number} */ id, /** @type {Buffer} */ body) => {
    if (id < 2) {
      choked = id === 0
      pending = 0
    } else if (id === 7) {
      received += body.length - 8
      if (pending > 0) pending--
    }
  }
  setInterval(() => socket.write(Buffer.alloc(4)), KEEP_ALIVE_MS)
  const infoHash = infoHashes[number % infoHashes.length] ?? Buffer.alloc(20)
  socket.write(handshake(infoHash, `-BL0001-${String(number).padStart(12, '0')}`))
  socket.on('data', splitter(greet, take))
  socket.on('error', error => fail(error.message))
  socket.on('close', () => fail('the seed hung up'))
  return {
    ask(now) {
      if (choked || now < due || pending === MAX_PENDING) return
      pending++
      due = Math.max(due + interval, now - interval)
      const request = Buffer.allocUnsafe(17)
      const from = next * BLOCK_LENGTH
      putRequest(request, 0, Math.floor(from / pieceLength), from % pieceLength, BLOCK_LENGTH)
      next = (next + 1) % blocks
      socket.write(request)
    },
  }
}

function measure() {
  console.log('measuring')
  received = 0
  setTimeout(() => {
    console.log(`received ${received}`)
    clearInterval(timer)
    process.exit()
  }, seconds * 1000)
}

/** @param {string} why */
function fail(why) {
  console.error(`leechers: ${why}; ${greeted} of ${connections} connected`)
  process.exit(1)
}
