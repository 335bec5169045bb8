// @ts-check
/**
 * A seed with minimal cost: one process with many listeners, each of which is a peer.
 *
 *     node bench/seed.js FILE INFO-HASH PIECE-LENGTH [--listeners N] [--rates A,B,...] [--zeros LENGTH]
 *
 * With --rates there is a listener for each rate in bytes per second; `stall` sends a megabyte and then nothing. With
 * --zeros there is no FILE: the content is LENGTH zeros.
 *
 * Prints its addresses as one line of JSON when it is ready. Ends at the end of its standard input.
 */
import { createReadStream, statSync } from 'node:fs'
import { createServer } from 'node:net'
import { parseArgs } from 'node:util'
import { bare, fullBitfield, handshake, splitter } from './wire.js'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    listeners: { type: 'string', default: '1' },
    rates: { type: 'string' },
    zeros: { type: 'string' },
  },
})
const [file = '', infoHash = '', pieceLength = ''] = positionals
const length = values.zeros ? Number(values.zeros) : statSync(file).size
const step = Number(pieceLength)
const rates = values.rates?.split(',') ?? Array(Number(values.listeners)).fill('')
const hello = fullBitfield(Math.ceil(length / step))

// The whole file is in memory, because reads of the seed would slow the downloader on a machine of two cores.
const pieces = /** @type {Buffer[]} */ ([])
if (values.zeros) pieces.push(...Array(Math.ceil(length / step)).fill(Buffer.alloc(step)))
else for await (const piece of createReadStream(file, { highWaterMark: step })) pieces.push(piece)

/**
 * @param {string} peerId
 * @param {string} rate bytes per second, `stall`, or '' for no limit
 */
function serve(peerId, rate) {
  return (/** @type {import('node:net').Socket} */ socket) => {
    let asked = /** @type {Buffer[]} */ ([])
    const start = performance.now()
    let sent = 0
    let resting = false
    // The bytes that it may have sent by now.
    const maxSent = () => {
      if (rate === 'stall') return 1 << 20
      return rate ? (Number(rate) * (performance.now() - start)) / 1000 + 32768 : Number.POSITIVE_INFINITY
    }
    let next = 0
    socket.setNoDelay()
    socket.on('error', () => socket.destroy())
    const split = splitter(
      () => socket.write(Buffer.concat([handshake(Buffer.from(infoHash, 'hex'), peerId), hello, bare(1)])),
      (id, body) => {
        if (id === 6) asked.push(body)
        else if (id === 8) asked = asked.filter((request, at) => at < next || !request.equals(body))
      },
    )
    const answer = () => {
      // A corked batch of blocks is one writev. With more than 4 MiB unsent it waits for the downloader.
      socket.cork()
      while (next < asked.length && socket.writableLength < 4 << 20) {
        if (sent >= maxSent()) {
          if (rate !== 'stall' && !resting) setTimeout(wake, 10)
          resting = true
          break
        }
        const body = /** @type {Buffer} */ (asked[next++])
        const piece = pieces[body.readUInt32BE(0)]
        const begin = body.readUInt32BE(4)
        const block = piece?.subarray(begin, begin + body.readUInt32BE(8))
        if (!block?.length) return socket.destroy()
        const head = Buffer.allocUnsafe(13)
        head.writeUInt32BE(9 + block.length)
        head[4] = 7
        body.copy(head, 5, 0, 8)
        socket.write(head)
        socket.write(block)
        sent += block.length
      }
      socket.uncork()
      if (next === asked.length) asked.length = next = 0
    }
    const wake = () => {
      resting = false
      answer()
    }
    socket.on('drain', answer)
    socket.on('data', chunk => {
      split(chunk)
      answer()
    })
  }
}

const addresses = []
for (const [i, rate] of rates.entries()) {
  const server = createServer(serve(`-BS0001-${String(i).padStart(12, '0')}`, rate))
  // Each has its own address, because clients may reject a hundred peers at one address.
  const host = `127.0.0.${1 + (i % 250)}`
  await new Promise(resolve => server.listen(0, host, () => resolve(undefined)))
  addresses.push(`${host}:${/** @type {import('node:net').AddressInfo} */ (server.address()).port}`)
}
console.log(JSON.stringify(addresses))
process.stdin.resume().on('end', () => process.exit())
