// @ts-check
/**
 * Measures a seed with many slow leechers: its CPU time, its memory, and the bytes that arrive. All leechers are
 * connected and interested. Each takes 50 KB/s while it is unchoked. tsdl and libtorrent unchoke at most a hundred at a
 * time.
 *
 *     node bench/crowd.js [--peers 2000] [--seconds 30] [--rounds 3] [--small]
 */
import { makeData, makeScratch } from './data.js'
import { benchOptions } from './options.js'
import { hasLibtorrent, hasTsdl, libtorrent, slowLeechers, tsdlSeed } from './programs.js'
import { bar, printRows, ratio } from './report.js'
import { cpuOf, forgetPeak, peakOf, run } from './running.js'

const { seconds, small, ...given } = benchOptions()
if (!hasTsdl) {
  console.log('crowd: left out, tsdl is not built: npm run build')
  process.exit()
}
const peers = process.argv.includes('--peers') || small ? given.peers : 2000
const rounds = process.argv.includes('--rounds') || small ? given.rounds : 3
const MiB = 1024 ** 2
const UPLOAD_RATE = 50_000
const scratch = makeScratch(256 * MiB)
const data = makeData(scratch, small ? 4 * MiB : 256 * MiB)
const seeds = hasLibtorrent
  ? { tsdl: startTsdl, libtorrent: startLibtorrent }
  : /** @type {Record<string, typeof startTsdl>} */ ({ tsdl: startTsdl })

/** @typedef {{ cpu: number, rss: number, rate: number }} Cost of a core, bytes, bytes per second */
/** @type {Map<string, Cost[]>} */
const costs = new Map(Object.keys(seeds).map(name => [name, []]))
for (let round = 0; round < rounds; round++)
  for (const [name, start] of Object.entries(seeds)) costs.get(name)?.push(await serving(await start()))

console.log(`${peers} leechers of ${UPLOAD_RATE / 1000} KB/s, ${rounds} rounds, Node ${process.version}\n`)
const minimum = (/** @type {string} */ name, /** @type {keyof Cost} */ what) =>
  Math.min(...(costs.get(name) ?? []).map(cost => cost[what]))
printRows(
  ['', 'CPU of a core min', 'peak RSS MiB', 'MB/s max'],
  [...costs].map(([name, all]) => [
    name,
    `${(100 * minimum(name, 'cpu')).toFixed(0)} %`,
    (Math.max(...all.map(({ rss }) => rss)) / MiB).toFixed(0),
    (Math.max(...all.map(({ rate }) => rate)) / 1e6).toFixed(1),
  ]),
)
console.log()
const cpu = hasLibtorrent ? ratio(minimum('tsdl', 'cpu'), minimum('libtorrent', 'cpu')) : undefined
bar(`CPU of a seed with ${peers} leechers, tsdl / libtorrent`, cpu, 1, { small })
const rss = Math.max(...(costs.get('tsdl') ?? []).map(cost => cost.rss))
bar(`peak RSS of tsdl with ${peers} leechers`, rss / MiB, 200, { small, unit: 'MiB' })

/** @typedef {{ seed: import('./running.js').Running, address: string }} Started */

/** @returns {Promise<Started>} */
async function startTsdl() {
  // A limit that is never reached gives a hundred upload slots at once.
  const limits = ['--max-peers', `${2 * peers}`, '--up', '1G']
  const seed = run(tsdlSeed(data, ['--no-tracker', ...limits]))
  const line = await seed.line(line => line.includes('"event":"listening"'))
  return { seed, address: JSON.parse(line).address }
}

/** @returns {Promise<Started>} */
async function startLibtorrent() {
  // With a limit it counts its upload slots on loopback, too.
  const seed = run([...libtorrent, 'seed', data.torrent, data.dir, '0', '1000000000'])
  return { seed, address: `127.0.0.1:${await seed.line(line => /^\d+$/.test(line))}` }
}

/**
 * Measures a seed once all leechers are connected.
 * @param {Started} started
 * @returns {Promise<Cost>}
 */
async function serving({ seed, address }) {
  forgetPeak(seed.pid)
  const crowd = run(slowLeechers(data, address, peers, UPLOAD_RATE, seconds))
  await crowd.line(line => line === 'measuring')
  const before = cpuOf(seed.pid)
  const line = await crowd.line(line => line.startsWith('received '))
  const cost = {
    cpu: (cpuOf(seed.pid) - before) / seconds,
    rss: peakOf(seed.pid),
    rate: Number(line.split(' ')[1]) / seconds,
  }
  await crowd.ended
  await seed.stop()
  return cost
}
