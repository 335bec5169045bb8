// @ts-check
/**
 * Measures the cost of BitTorrent v2 and hybrid torrents, compared with v1: the CPU time of `create`, `verify`, a
 * download from libtorrent, and a seed for libtorrent, of the same content in each format.
 *
 *     node bench/formats.js [--size 512M] [--rounds 3] [--only create,verify,leech,seed] [--small]
 */
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { makeData, makeScratch } from './data.js'
import { measure } from './measure.js'
import { benchOptions } from './options.js'
import { alone, hasLibtorrent, hasTsdl, libtorrent, tsdl, tsdlSeed } from './programs.js'
import { bar } from './report.js'
import { cpuOf, run } from './running.js'

const { small, only, rounds, size } = benchOptions()
if (!hasTsdl) {
  console.log('formats: left out, tsdl is not built')
  process.exit()
}
/** Maximum CPU time divided by that of v1. A hybrid torrent needs both hashes of each byte, so it has no bar. */
const MAX_RATIO = 1.25
const TORRENT_FORMATS = /** @type {const} */ (['v1', 'v2', 'hybrid'])
const data = makeData(makeScratch(2 * size), size)
const out = join(data.dir, 'out')
/** @param {string} format */
const torrentOf = format => join(data.dir, `${format}.torrent`)

/** @type {Record<string, (format: string) => Promise<number>>} */
const works = { create, verify, ...(hasLibtorrent ? { leech, seed } : {}) }
for (const format of TORRENT_FORMATS) await create(format)
for (const [name, work] of Object.entries(works)) {
  if (only && !only.includes(name)) continue
  const minimum = {
    v1: Number.POSITIVE_INFINITY,
    v2: Number.POSITIVE_INFINITY,
    hybrid: Number.POSITIVE_INFINITY,
  }
  for (let round = 0; round < rounds; round++) {
    for (const format of TORRENT_FORMATS) minimum[format] = Math.min(minimum[format], await work(format))
  }
  const { v1, v2, hybrid } = minimum
  const seconds = [v1, v2, hybrid].map(cpu => cpu.toFixed(2)).join(', ')
  console.log(`\n${name}: CPU s of v1, v2, hybrid: ${seconds}; hybrid / v1 ${(hybrid / v1).toFixed(2)}`)
  bar(`CPU of ${name}, v2 / v1`, v2 / v1, MAX_RATIO, { small })
}

/** @param {string} format */
async function create(format) {
  rmSync(torrentOf(format), { force: true })
  const options = ['--format', format, '--piece-length', '1M', '--private', '-q']
  return (await measure([...tsdl, 'create', data.file, '-o', torrentOf(format), ...options])).cpu
}

/** @param {string} format */
async function verify(format) {
  return (await measure([...tsdl, 'verify', torrentOf(format), data.dir, '--json'])).cpu
}

/** @param {string} format */
async function leech(format) {
  const seed = run([...libtorrent, 'seed', torrentOf(format), data.dir])
  const port = await seed.line(line => /^\d+$/.test(line))
  rmSync(out, { recursive: true, force: true })
  const peer = ['--peer', `127.0.0.1:${port}`, '--bind', '127.0.0.1', ...alone]
  const { cpu } = await measure([...tsdl, torrentOf(format), '-o', out, '-q', ...peer])
  await seed.stop()
  return cpu
}

/** @param {string} format */
async function seed(format) {
  const torrent = torrentOf(format)
  const running = run(tsdlSeed({ torrent, dir: data.dir }, ['--no-tracker']))
  const line = await running.line(line => line.includes('"event":"listening"'))
  rmSync(out, { recursive: true, force: true })
  mkdirSync(out)
  const before = cpuOf(running.pid)
  await measure([...libtorrent, 'leech', torrent, out, JSON.parse(line).address])
  const cpu = cpuOf(running.pid) - before
  await running.stop()
  return cpu
}
