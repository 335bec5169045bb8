// @ts-check
/**
 * Measures the time to the first verified byte with BitTorrent v2, where 16 KiB can be verified alone, and with v1. One
 * seed of 2 MB/s with a round trip of 20 ms, and pieces of 4 MiB: the first byte on standard output, and the first byte
 * after a seek.
 *
 *     node bench/first-byte.js [--rounds 5] [--only libtorrent,tsdl] [--small]
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeData, makeScratch } from './data.js'
import { serve } from './measure.js'
import { benchOptions } from './options.js'
import { alone, delayProxy, hasLibtorrent, hasTsdl, libtorrent, tsdl, tsdlSeed } from './programs.js'
import { bar, median } from './report.js'
import { run } from './running.js'

const { small, only, rounds } = benchOptions()
if (!hasTsdl) {
  console.log('first byte: left out, tsdl is not built')
  process.exit()
}
const { create, parse, parseAddress, Torrent, WindowStorage } = await import('../dist/index.js')

const MiB = 1 << 20
const PIECE_LENGTH = small ? MiB / 4 : 4 * MiB
const CONTENT_BYTES = 16 * PIECE_LENGTH
/** Bytes per second of the seed. */
const UPLOAD_RATE = 2e6
const RTT_MS = 20
/** Minimum of the time of v1 divided by that of v2. */
const LEAST_GAIN = 5
const TORRENT_FORMATS = /** @type {const} */ (['v1', 'v2'])
const data = makeData(makeScratch(2 * CONTENT_BYTES), CONTENT_BYTES, PIECE_LENGTH)
const content = readFileSync(data.file)

const seeds = hasLibtorrent
  ? { tsdl: startTsdl, libtorrent: startLibtorrent }
  : /** @type {Record<string, typeof startTsdl>} */ ({ tsdl: startTsdl })
for (const [name, start] of Object.entries(seeds))
  if (!only || only.includes(name)) await compare(name, start)

/**
 * @param {string} name
 * @param {typeof startTsdl} start
 */
async function compare(name, start) {
  const starts = { v1: 0, v2: 0 }
  const seeks = { v1: 0, v2: 0 }
  for (const format of TORRENT_FORMATS) {
    const torrent = join(data.dir, `${format}.torrent`)
    const made = await create(data.file, { format, pieceLength: PIECE_LENGTH, private: true })
    writeFileSync(torrent, made.torrent)
    const { seed, address } = await start(torrent)
    const proxy = await serve(delayProxy([address], RTT_MS, UPLOAD_RATE))
    const [peer] = JSON.parse(proxy.line)
    try {
      const started = []
      for (let round = 0; round < rounds; round++) started.push(await firstOnStdout(torrent, peer))
      starts[format] = median(started)
      seeks[format] = median(await seekTimes(torrent, peer))
    } finally {
      proxy.stop()
      await seed.stop()
    }
  }
  console.log(`\nfrom ${name}, pieces of ${PIECE_LENGTH / MiB} MiB at 2 MB/s, ${rounds} rounds\n`)
  for (const [what, times] of Object.entries({ 'on standard output': starts, 'after a seek': seeks })) {
    console.log(`first byte ${what}: v1 ${times.v1.toFixed(0)} ms, v2 ${times.v2.toFixed(0)} ms`)
    bar(`first byte ${what} from ${name}, v2 / v1`, times.v2 / times.v1, 1 / LEAST_GAIN, { small })
  }
}

/** @param {string} torrent */
async function startTsdl(torrent) {
  const seed = run(tsdlSeed({ torrent, dir: data.dir }, ['--no-tracker']))
  const line = await seed.line(line => line.includes('"event":"listening"'))
  return { seed, address: JSON.parse(line).address }
}

/** Starts libtorrent as a seed. It hashes its files first, so it knows the hashes of blocks. */
async function startLibtorrent(/** @type {string} */ torrent) {
  const seed = run([...libtorrent, 'seed', torrent, data.dir, 'check'])
  return { seed, address: `127.0.0.1:${await seed.line(line => /^\d+$/.test(line))}` }
}

/**
 * @param {string} torrent
 * @param {string} peer
 */
async function firstOnStdout(torrent, peer) {
  const [program = '', ...args] = [...tsdl, torrent, '--peer', peer, '-q', '--bind', '127.0.0.1', ...alone]
  const begun = performance.now()
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const [chunk] = await once(child.stdout, 'data')
  const taken = performance.now() - begun
  child.kill()
  await once(child, 'close')
  if (!content.subarray(0, chunk.length).equals(chunk)) throw new Error('wrong bytes')
  return taken
}

/**
 * @param {string} path
 * @param {string} peer
 */
async function seekTimes(path, peer) {
  const torrent = new Torrent(parse(readFileSync(path)), {
    ...{ storage: new WindowStorage(), onDemand: true, trackers: false, pex: false },
    peers: [parseAddress(peer)],
  })
  torrent.start()
  const times = []
  try {
    await firstAt(torrent, 0) // the peer is connected, and its rate is known
    for (let round = 1; round <= rounds; round++) {
      const piece = (round * 5) % (CONTENT_BYTES / PIECE_LENGTH)
      times.push(await firstAt(torrent, (piece + 0.75) * PIECE_LENGTH + 1000))
    }
    return times
  } finally {
    await torrent.close()
  }
}

/**
 * @param {import('../dist/index.js').Torrent} torrent
 * @param {number} start
 */
async function firstAt(torrent, start) {
  const begun = performance.now()
  const reader = /** @type {import('../dist/index.js').TorrentFile} */ (torrent.files[0]).stream({ start })
  for await (const chunk of reader) {
    const taken = performance.now() - begun
    if (!content.subarray(start, start + chunk.length).equals(chunk)) throw new Error('wrong bytes')
    return taken
  }
  throw new Error('no bytes')
}
