// @ts-check
/**
 * Measures a seed of many torrents, each of which has a few slow leechers. All of them are connected and interested,
 * and the upload is limited. The seed is measured for a while: its CPU time, its memory, and the bytes that arrived.
 *
 *     node bench/crowds.js [--torrents 500] [--seconds 30] [--rounds 3] [--small]
 */
import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { encode, makeScratch } from './data.js'
import { benchOptions } from './options.js'
import { hasLibtorrent, hasTsdl, libtorrent, manySeeds, slowLeechers } from './programs.js'
import { run } from './running.js'
import { measureServing, reportServing } from './serving.js'

const LEECHERS_OF_TORRENT = 4
const LEECHER_RATE = 50_000
const UPLOAD_RATE = 5_000_000
const PIECE_BYTES = 64 << 10
const PIECE_COUNT = 16

const { seconds, small, ...options } = benchOptions()
if (!hasTsdl) {
  console.log('crowds: left out, tsdl is not built: npm run build')
  process.exit()
}
const count = process.argv.includes('--torrents') || small ? options.torrents : 500
const rounds = process.argv.includes('--rounds') || small ? options.rounds : 3
const scratch = makeScratch(2 * count * PIECE_COUNT * PIECE_BYTES)
const infoHash = Array.from({ length: count }, (_, index) => makeTorrent(index))
const paths = infoHash.map((_, index) => join(scratch, `${index}.torrent`))
/** @type {Record<string, string[]>} */
const seeds = { tsdl: manySeeds(scratch, count, UPLOAD_RATE) }
if (hasLibtorrent) seeds.libtorrent = [...libtorrent, 'seed', paths.join(), scratch, '0', `${UPLOAD_RATE}`]

/** @type {Map<string, import('./serving.js').Cost[]>} */
const costs = new Map(Object.keys(seeds).map(name => [name, []]))
for (let round = 0; round < rounds; round++)
  for (const [name, command] of Object.entries(seeds)) costs.get(name)?.push(await serving(command))

console.log(
  `${count} torrents, ${LEECHERS_OF_TORRENT} leechers each, ${rounds} rounds, Node ${process.version}\n`,
)
reportServing(costs, `${count} torrents`, small)

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
 * Starts a seed, and measures it.
 * @param {string[]} command
 */
async function serving(command) {
  const seed = run(command)
  const line = await seed.line(line => /^(127.0.0.1:)?\d+$/.test(line))
  const address = line.includes(':') ? line : `127.0.0.1:${line}`
  const torrents = { infoHash, length: PIECE_COUNT * PIECE_BYTES, pieceLength: PIECE_BYTES }
  const leechers = slowLeechers(torrents, address, LEECHERS_OF_TORRENT * count, LEECHER_RATE, seconds)
  return measureServing(seed, leechers, seconds)
}
