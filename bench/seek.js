// @ts-check
/**
 * Measures the time to the first byte after a seek. Eight libtorrent seeds of 500 KB/s are used, each behind its own
 * link with a round trip of 100 ms. A reader continues for two seconds after each seek, so that all peers are busy at
 * the next one.
 *
 *     node bench/seek.js [--rounds 10] [--only 1M,16M,stall] [--small]
 */
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { makeData, makeScratch } from './data.js'
import { serve } from './measure.js'
import { benchOptions } from './options.js'
import { delayProxy, hasLibtorrent, hasTsdl, libtorrent } from './programs.js'
import { bar, median } from './report.js'

const { small, only, ...options } = benchOptions()
if (!hasTsdl || !hasLibtorrent) {
  console.log('seek: left out, tsdl is not built or python3-libtorrent is not installed')
  process.exit()
}
const { parse, parseAddress, Torrent, WindowStorage } = await import('../dist/index.js')

const MiB = 1 << 20
const SEED_COUNT = 8
/** Bytes per second of each seed. */
const SEED_RATE = 500e3
const RTT_MS = 100
const FIRST_BYTES = 65536
const PLAY_MS = small ? 200 : 2000
const rounds = process.argv.includes('--rounds') || small ? options.rounds : 10
const size = (small ? 32 : 512) * MiB
/** Milliseconds that the first 64 KiB may take: the median and the maximum. */
const cases = [
  { name: '1M', pieceLength: MiB, isStalling: false, limits: [1000, 1600] },
  { name: '16M', pieceLength: 16 * MiB, isStalling: false, limits: [5000, 6000] },
  { name: 'stall', pieceLength: MiB, isStalling: true, limits: [1500, 2100] },
]
const scratch = makeScratch(2 * size)
for (const each of cases) if (small ? each.name === '1M' : !only || only.includes(each.name)) await seek(each)

/** @param {(typeof cases)[number]} options */
async function seek({ name, pieceLength, isStalling, limits: [limit = 0, worst = 0] }) {
  const data = makeData(scratch, size, pieceLength)
  const content = readFileSync(data.file)
  const seeds = await Promise.all(
    Array.from({ length: SEED_COUNT }, () => serve([...libtorrent, 'seed', data.torrent, data.dir])),
  )
  const addresses = seeds.map(({ line }) => `127.0.0.1:${line}`)
  const proxy = await serve(delayProxy(addresses, RTT_MS, SEED_RATE))
  const torrent = new Torrent(parse(readFileSync(data.torrent)), {
    storage: new WindowStorage({ keep: 16 * MiB }),
    onDemand: true,
    trackers: false,
    pex: false,
    peers: JSON.parse(proxy.line).map(parseAddress),
  })
  torrent.start()
  const times = []
  try {
    await read(torrent, 0, content) // all peers are connected, and their rates are known
    for (let round = 1; round <= rounds; round++) {
      // the golden ratio spreads the positions evenly, equally in every run
      const place = Math.floor(((round * 0.618034) % 1) * (size - 24 * MiB * (small ? 0 : 1) - FIRST_BYTES))
      const stalled = round % SEED_COUNT
      if (isStalling) proxy.tell(`stall ${stalled}`)
      times.push(await read(torrent, place, content))
      if (isStalling) proxy.tell(`go ${stalled}`)
    }
    const { downloaded, wasted } = torrent.progress
    console.log(
      `\n${name}: pieces of ${pieceLength / MiB} MiB, ${rounds} seeks${isStalling ? ', one seed stalls' : ''}\n`,
    )
    bar(`first 64 KiB after a seek, median, ${name}`, median(times), limit, { small, unit: 'ms' })
    bar(`first 64 KiB after a seek, worst, ${name}`, Math.max(...times), worst, { small, unit: 'ms' })
    bar(`wasted, ${name}`, (100 * wasted) / (downloaded + wasted), 2, { small, unit: '%' })
  } finally {
    await torrent.close()
    proxy.stop()
    for (const seed of seeds) seed.stop()
  }
}

/**
 * Reads from a position, and continues for a while.
 * @returns the milliseconds until the first bytes arrived
 * @param {import('../dist/index.js').Torrent} torrent
 * @param {number} start
 * @param {Buffer} content
 */
async function read(torrent, start, content) {
  const begun = performance.now()
  const reader = /** @type {import('../dist/index.js').TorrentFile} */ (torrent.files[0]).stream({ start })
  let first = 0
  let at = start
  for await (const chunk of reader) {
    if (!content.subarray(at, at + chunk.length).equals(chunk)) throw new Error(`wrong bytes at ${at}`)
    at += chunk.length
    if (at - start >= FIRST_BYTES) first ||= performance.now() - begun
    if (first && performance.now() - begun > first + PLAY_MS) break
  }
  await sleep(0)
  return first
}
