// @ts-check
/**
 * Simulates a long link on one machine: a TCP proxy that delays and limits each direction.
 *
 *     node bench/delay-proxy.js --rtt MS [--rate BYTES-A-SECOND] HOST:PORT...
 *
 * It listens at an address for each target, and prints these addresses as one line of JSON. Each target has two links,
 * one for each direction, which its connections share. A link has the given rate. While it is busy, data waits in the
 * sender, except for 20 ms of it. The lines "stall N" and "go N" on standard input stop and continue both links of
 * target N, counted from 0. The proxy ends at the end of its standard input.
 */
import { connect, createServer } from 'node:net'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'

/** Milliseconds of data that wait at a link. The rest waits in the sender. */
const BUFFER_MS = 20
/** Milliseconds of data that arrive at once. A larger chunk is divided. */
const SLICE_MS = 5

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rtt: { type: 'string', default: '0' }, rate: { type: 'string', default: 'Infinity' } },
})
const delay = Number(values.rtt) / 2
/** Bytes per millisecond. */
const rate = Number(values.rate) / 1000

/** One direction of a link. Its connections share the rate. */
class Link {
  /** The time at which the link has carried all bytes given to it. */
  freeAt = 0
  /** True while the link is stalled. */
  isStalled = false
  /** @type {Set<() => void>} */
  #deliveries = new Set()

  /** Delivers all bytes that are due. */
  resume() {
    this.isStalled = false
    for (const deliver of this.#deliveries) deliver()
  }

  /**
   * Passes the bytes of `from` to `to` with a delay.
   * @param {import('node:net').Socket} from
   * @param {import('node:net').Socket} to
   */
  carry(from, to) {
    /** Chunks on their way, in order; an empty chunk is the end. */
    const queue = /** @type {{ chunk: Buffer, due: number }[]} */ ([])
    let first = 0
    let isArmed = false
    const deliver = () => {
      isArmed = false
      if (this.isStalled) return
      const now = performance.now()
      to.cork()
      for (let next = queue[first]; next && next.due <= now; next = queue[++first]) {
        if (next.chunk.length > 0) to.write(next.chunk)
        else to.end()
      }
      to.uncork()
      if (first > 1000 || first === queue.length) {
        queue.splice(0, first)
        first = 0
      }
      arm(now)
    }
    const arm = (/** @type {number} */ now) => {
      const next = queue[first]
      if (!next || isArmed) return
      isArmed = true
      setTimeout(deliver, Math.max(0, next.due - now))
    }
    const slice = Math.max(1024, Math.floor(rate * SLICE_MS))
    from.on('data', chunk => {
      const now = performance.now()
      for (let at = 0; at < chunk.length; at += slice) {
        const part = /** @type {Buffer} */ (chunk).subarray(at, at + slice)
        this.freeAt = Math.max(this.freeAt, now) + part.length / rate
        queue.push({ chunk: part, due: this.freeAt + delay })
      }
      arm(now)
      const wait = this.freeAt - now - BUFFER_MS
      if (wait <= 0) return
      from.pause()
      setTimeout(() => from.resume(), wait)
    })
    from.on('end', () => {
      const now = performance.now()
      queue.push({ chunk: Buffer.alloc(0), due: Math.max(this.freeAt, now) + delay })
      arm(now)
    })
    this.#deliveries.add(deliver)
    from.on('error', () => to.destroy())
    from.on('close', () => {
      this.#deliveries.delete(deliver)
      if (!from.readableEnded) to.destroy()
    })
  }
}

const addresses = []
const links = /** @type {Link[][]} */ ([])
for (const [i, target] of positionals.entries()) {
  const [host = '', port] = target.split(':')
  const [toTarget, fromTarget] = [new Link(), new Link()]
  links.push([toTarget, fromTarget])
  const server = createServer({ allowHalfOpen: true, noDelay: true }, near => {
    const upstream = connect({ host, port: Number(port), allowHalfOpen: true, noDelay: true })
    toTarget.carry(near, upstream)
    fromTarget.carry(upstream, near)
  })
  // one address for each, because clients may reject several peers at one address
  const own = `127.0.1.${1 + (i % 250)}`
  await new Promise(resolve => server.listen(0, own, () => resolve(undefined)))
  addresses.push(`${own}:${/** @type {import('node:net').AddressInfo} */ (server.address()).port}`)
}
console.log(JSON.stringify(addresses))
createInterface({ input: process.stdin })
  .on('line', line => {
    const [command, number] = line.split(' ')
    for (const link of links[Number(number)] ?? []) {
      if (command === 'stall') link.isStalled = true
      else link.resume()
    }
  })
  .on('close', () => process.exit())
