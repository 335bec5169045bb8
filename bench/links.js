// @ts-check
/**
 * Measures downloads over long links. One libtorrent seed is behind a proxy that delays and limits both directions.
 * tsdl and libtorrent take turns.
 *
 *     node bench/links.js [--size 256M] [--rounds 3] [--only 200] [--small]
 */
import { mkdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { makeData, makeScratch } from './data.js'
import { measure, serve } from './measure.js'
import { benchOptions } from './options.js'
import { delayProxy, hasLibtorrent, hasTsdl, libtorrent, ownSeed, tsdlGet } from './programs.js'
import { bar, minimumOf, printWalls, ratio } from './report.js'

const { rounds, small, only, ...options } = benchOptions()
if (!hasTsdl) {
  console.log('links: left out, tsdl is not built: npm run build')
  process.exit()
}
const size = process.argv.includes('--size') || small ? options.size : 256 << 20
/** Milliseconds of a round trip, and bytes per second. */
const links = [
  { rtt: 100, rate: 50e6 },
  { rtt: 200, rate: 50e6 },
  { rtt: 400, rate: 20e6 },
].filter(({ rtt }) => !only || only.includes(String(rtt)))

const scratch = makeScratch(2 * size)
const data = makeData(scratch, size)
const out = join(scratch, 'out')
const seed = await serve(hasLibtorrent ? [...libtorrent, 'seed', data.torrent, data.dir] : ownSeed(data))
const address = hasLibtorrent ? `127.0.0.1:${seed.line}` : JSON.parse(seed.line)[0]
try {
  for (const { rtt, rate } of small ? links.slice(0, 1) : links) await compare(rtt, rate)
} finally {
  seed.stop()
}

/**
 * @param {number} rtt ms
 * @param {number} rate bytes a second
 */
async function compare(rtt, rate) {
  const proxy = await serve(delayProxy([address], rtt, rate))
  const [peer = ''] = /** @type {string[]} */ (JSON.parse(proxy.line))
  const contenders = new Map([['tsdl', tsdlGet(data.torrent, [peer], out)]])
  if (hasLibtorrent) contenders.set('libtorrent', [...libtorrent, 'leech', data.torrent, out, peer])
  /** @type {import('./report.js').Results} */
  const results = new Map([...contenders.keys()].map(name => [name, []]))
  try {
    for (let round = 0; round < rounds; round++) {
      for (const [name, command] of contenders) {
        rmSync(out, { recursive: true, force: true })
        mkdirSync(out)
        results.get(name)?.push(await measure(command))
        if (statSync(join(out, data.name)).size !== size) throw new Error(`${name} wrote the wrong size`)
      }
    }
  } finally {
    proxy.stop()
  }
  const ideal = size / rate + rtt / 1000
  console.log(`\nround trip ${rtt} ms, ${rate / 1e6} MB/s, ${size} bytes: ideal ${ideal.toFixed(2)} s\n`)
  printWalls(new Map([...results].map(([name, costs]) => [name, costs.map(({ wall }) => wall)])))
  const walls = ratio(minimumOf(results, 'tsdl', 'wall'), minimumOf(results, 'libtorrent', 'wall'))
  bar(`wall of tsdl / libtorrent, round trip ${rtt} ms`, walls, 1, { small })
}
