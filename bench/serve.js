// @ts-check
/**
 * Measures seeds. Each seed is a process that serves the same data to a libtorrent leecher, and is measured after its
 * initial check. It also measures the memory of a seed with a hundred leechers.
 *
 *     node bench/serve.js [--size 1GiB] [--rounds 5] [--peers 100] [--small]
 */
import { mkdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { makeData, makeScratch } from './data.js'
import { measure } from './measure.js'
import { benchOptions } from './options.js'
import { hasLibtorrent, hasTsdl, libtorrent, manyLeechers, tsdlSeed } from './programs.js'
import { bar, minimumOf, printTable, ratio } from './report.js'
import { cpuOf, forgetPeak, peakOf, run } from './running.js'

const { size, rounds, peers, small } = benchOptions()
if (!hasTsdl) {
  console.log('serve: left out, tsdl is not built: npm run build')
  process.exit()
}
if (!hasLibtorrent) console.log('against libtorrent: left out, python3-libtorrent is not installed')
const MiB = 1024 ** 2
const scratch = makeScratch(2 * size)
const data = makeData(scratch, size)
const out = join(scratch, 'out')
const seeds = hasLibtorrent
  ? { tsdl: startTsdl, libtorrent: startLibtorrent }
  : /** @type {Record<string, typeof startTsdl>} */ ({})

/** @type {import('./report.js').Results} */
const results = new Map(Object.keys(seeds).map(name => [name, []]))
for (let round = small ? 1 : 0; round <= rounds; round++)
  for (const [name, start] of Object.entries(seeds)) {
    const cost = await serving(await start())
    if (round) results.get(name)?.push(cost)
  }
const crowd = await rssWith(peers)

console.log(`${size} bytes, ${rounds} rounds, leecher: libtorrent, Node ${process.version}\n`)
if (results.size) printTable(results, size, ['libtorrent'])
console.log()
/** @type {(what: keyof import('./measure.js').Cost) => number | undefined} */
const against = what => ratio(minimumOf(results, 'tsdl', what), minimumOf(results, 'libtorrent', what))
bar('CPU of a seed, tsdl / libtorrent', against('cpu'), 0.8, { small })
bar('wall of its leecher, tsdl / libtorrent', against('wall'), 1, { small })
bar(`peak RSS of tsdl with ${peers} leechers`, crowd / MiB, 128, { small, unit: 'MiB' })

/** @typedef {{ seed: import('./running.js').Running, address: string }} Started */

/**
 * Starts a seed of ours. It listens after its initial check.
 * @param {string[]} [more]
 * @returns {Promise<Started>}
 */
async function startTsdl(more = []) {
  const seed = run(tsdlSeed(data, ['--no-tracker', ...more]))
  const line = await seed.line(line => line.includes('"event":"listening"'))
  return { seed, address: JSON.parse(line).address }
}

/** @returns {Promise<Started>} */
async function startLibtorrent() {
  const seed = run([...libtorrent, 'seed', data.torrent, data.dir])
  return { seed, address: `127.0.0.1:${await seed.line(line => /^\d+$/.test(line))}` }
}

/**
 * Measures the cost of the seed for one copy, and the time of its leecher.
 * @param {Started} started
 * @returns {Promise<import('./measure.js').Cost>}
 */
async function serving({ seed, address }) {
  rmSync(out, { recursive: true, force: true })
  mkdirSync(out)
  forgetPeak(seed.pid)
  const before = cpuOf(seed.pid)
  const { wall } = await measure([...libtorrent, 'leech', data.torrent, out, address])
  const cost = { cpu: cpuOf(seed.pid) - before, wall, rss: peakOf(seed.pid) }
  await seed.stop()
  if (statSync(join(out, data.name)).size !== size) throw new Error('the leecher has the wrong size')
  return cost
}

/** Measures the peak memory of a seed of ours that serves `count` leechers at once. @param {number} count */
async function rssWith(count) {
  // A limit that is never reached gives every peer a slot at once; without one they would take turns.
  const { seed, address } = await startTsdl(['--up', '1G'])
  forgetPeak(seed.pid)
  await measure(manyLeechers(data, address, count))
  const peak = peakOf(seed.pid)
  await seed.stop()
  return peak
}
