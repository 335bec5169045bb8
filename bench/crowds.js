// @ts-check
/**
 * What does a seed of many torrents cost, each of which has a few slow leechers? All of them are connected and interested, and
 * the upload is limited. The seed is measured for a while: its CPU time, its memory, and the bytes that arrived.
 *
 *     node bench/crowds.js [--torrents 500] [--seconds 30] [--rounds 3] [--small]
 */
import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { encode, makeScratch } from './data.js'
import { benchOptions } from './options.js'
import { hasLibtorrent, hasTsdl, libtorrent, manySeeds, slowLeechers } from './programs.js'
import { bar, printRows, ratio } from './report.js'
import { cpuOf, forgetPeak, peakOf, run } from './running.js'

const LEECHERS_OF_TORRENT = 4
const LEECHER_RATE = 50_000
const UPLOAD_RATE = 5_000_000
const PIECE_BYTES = 64 << 10
const PIECE_COUNT = 16
const MiB = 1024 ** 2

const { seconds, small, ...given } = benchOptions()
if (!hasTsdl) {
  console.log('crowds: left out, tsdl is not built: npm run build')
  process.exit()
}
const count = process.argv.includes('--torrents') || small ? given.torrents : 500
const rounds = process.argv.includes('--rounds') || small ? given.rounds : 3
const scratch = makeScratch(2 * count * PIECE_COUNT * PIECE_BYTES)
const infoHash = Array.from({ length: count }, (_, index) => makeTorrent(index))
const paths = infoHash.map((_, index) => join(scratch, `${index}.torrent`))
/** @type {Record<string, string[]>} */
const seeds = { tsdl: manySeeds(scratch, count, UPLOAD_RATE) }
if (hasLibtorrent) seeds.libtorrent = [...libtorrent, 'seed', paths.join(), scratch, '0', `${UPLOAD_RATE}`]

/** @typedef {{ cpu: number, rss: number, rate: number }} Cost of a core, bytes, bytes per second */
/** @type {Map<string, Cost[]>} */
const costs = new Map(Object.keys(seeds).map(name => [name, []]))
for (let round = 0; round < rounds; round++)
  for (const [name, command] of Object.entries(seeds)) costs.get(name)?.push(await serving(command))

console.log(
  `${count} torrents, ${LEECHERS_OF_TORRENT} leechers each, ${rounds} rounds, Node ${process.version}\n`,
)
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
bar(`CPU of a seed of ${count} torrents, tsdl / libtorrent`, cpu, 1, { small })
const rss = Math.max(...(costs.get('tsdl') ?? []).map(cost => cost.rss))
bar(`peak RSS of tsdl with ${count} torrents`, rss / MiB, 200, { small, unit: 'MiB' })

/**
 * Writes a file and its .torrent.
 * @param {number} index
 * @returns {Buffer} the info-hash
 */
function makeTorrent(index) {
  const piece = Buffer.alloc(PIECE_BYTES, `${index} `)
  const hash = createHash('sha1').update(piece).digest()
  const info = {
    length: PIECE_COUNT * PIECE_BYTES,
    name: String(index),
    'piece length': PIECE_BYTES,
    pieces: Buffer.concat(Array(PIECE_COUNT).fill(hash)),
    private: 1,
  }
  writeFileSync(join(scratch, info.name), Buffer.concat(Array(PIECE_COUNT).fill(piece)))
  writeFileSync(join(scratch, `${index}.torrent`), encode({ info }))
  return createHash('sha1').update(encode(info)).digest()
}

/**
 * Measures a seed once all leechers are connected.
 * @param {string[]} command
 * @returns {Promise<Cost>}
 */
async function serving(command) {
  const seed = run(command)
  const line = await seed.line(line => /^(127.0.0.1:)?\d+$/.test(line))
  const address = line.includes(':') ? line : `127.0.0.1:${line}`
  forgetPeak(seed.pid)
  const torrents = { infoHash, length: PIECE_COUNT * PIECE_BYTES, pieceLength: PIECE_BYTES }
  const leechers = LEECHERS_OF_TORRENT * count
  const crowd = run(slowLeechers(torrents, address, leechers, LEECHER_RATE, seconds))
  await crowd.line(line => line === 'measuring')
  const before = cpuOf(seed.pid)
  const received = await crowd.line(line => line.startsWith('received '))
  const cost = {
    cpu: (cpuOf(seed.pid) - before) / seconds,
    rss: peakOf(seed.pid),
    rate: Number(received.split(' ')[1]) / seconds,
  }
  await crowd.ended
  await seed.stop()
  return cost
}
