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
import { run } from './running.js'
import { measureServing, reportServing } from './serving.js'

const { seconds, small, ...options } = benchOptions()
if (!hasTsdl) {
  console.log('crowd: left out, tsdl is not built: npm run build')
  process.exit()
}
const peers = process.argv.includes('--peers') || small ? options.peers : 2000
const rounds = process.argv.includes('--rounds') || small ? options.rounds : 3
const MiB = 1024 ** 2
const UPLOAD_RATE = 50_000
const scratch = makeScratch(256 * MiB)
const data = makeData(scratch, small ? 4 * MiB : 256 * MiB)
const seeds = hasLibtorrent
  ? { tsdl: startTsdl, libtorrent: startLibtorrent }
  : /** @type {Record<string, typeof startTsdl>} */ ({ tsdl: startTsdl })

/** @type {Map<string, import('./serving.js').Cost[]>} */
const costs = new Map(Object.keys(seeds).map(name => [name, []]))
for (let round = 0; round < rounds; round++)
  for (const [name, start] of Object.entries(seeds)) {
    const { seed, address } = await start()
    const leechers = slowLeechers(data, address, peers, UPLOAD_RATE, seconds)
    costs.get(name)?.push(await measureServing(seed, leechers, seconds))
  }

console.log(`${peers} leechers of ${UPLOAD_RATE / 1000} KB/s, ${rounds} rounds, Node ${process.version}\n`)
reportServing(costs, `${peers} leechers`, small)

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
