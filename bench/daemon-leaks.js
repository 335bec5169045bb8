// @ts-check
/**
 * Finds leaks of a daemon. Ten times a second a torrent is added over RPC and the oldest one is removed. Most find no
 * peer, every fourth is a magnet link, and one a second is downloaded. The resources of the process are counted ten
 * times.
 *
 *     node bench/daemon-leaks.js [--seconds 600] [--small]
 */
import { randomBytes } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { encode, makeData, makeScratch } from './data.js'
import { benchOptions } from './options.js'
import { alone, cli, hasTsdl, node, probe, tsdlSeed } from './programs.js'
import { bar, printRows } from './report.js'
import { cpuOf, run } from './running.js'

const PACE_MS = 100
const KEPT_TORRENTS = 30
const MEASUREMENT_COUNT = 10
const FILE_BYTES = 65_536
const PIECE_BYTES = 16_384
const MiB = 2 ** 20

const { small, ...options } = benchOptions()
const seconds = small ? 2 : Math.max(options.seconds, 60)
if (!hasTsdl) {
  console.log('daemon-leaks: left out, tsdl is not built: npm run build')
  process.exit()
}
const scratch = makeScratch(100 * MiB)
const state = join(scratch, 'state')
const data = makeData(scratch, FILE_BYTES, PIECE_BYTES)
const seed = run(tsdlSeed(data, ['--no-tracker']))
const { address } = JSON.parse(await seed.line(line => line.includes('"listening"')))
const daemon = run([
  ...[node, '--expose-gc', '--import', probe, cli, 'daemon', '--json', ...alone, '--bind', '127.0.0.1'],
  ...['--http', '127.0.0.1:0', '--state', state, '-o', join(scratch, 'out'), '--max-downloads', '100'],
])
const { url } = JSON.parse(await daemon.line(line => line.includes('"ready"')))
const rpc = new URL('transmission/rpc', url)
const { headers } = await fetch(rpc)
const session = { 'x-transmission-session-id': headers.get('x-transmission-session-id') ?? '' }

/**
 * @param {string} method
 * @param {object} parameters
 */
async function call(method, parameters) {
  const body = JSON.stringify({ method, arguments: parameters })
  const { result, arguments: reply } = await (
    await fetch(rpc, { method: 'POST', headers: session, body })
  ).json()
  if (result !== 'success') throw new Error(`${method}: ${result}`)
  return reply
}

/** A .torrent that no peer has. Its tracker refuses the connection. */
function makeUnknown() {
  const pieces = randomBytes(20 * (FILE_BYTES / PIECE_BYTES))
  const info = { length: FILE_BYTES, name: pieces.toString('hex', 0, 8), 'piece length': PIECE_BYTES, pieces }
  return encode({ announce: 'http://127.0.0.1:9/announce', info })
}

/** Torrents that were added and not removed, oldest first. */
const added = /** @type {number[]} */ ([])
let downloads = 0
let completed = 0

/** @param {number} turn */
async function addTorrent(turn) {
  if (turn % 10 === 0) {
    const seen = await call('torrent-get', {
      fields: ['id', 'percentDone'],
      ids: [data.infoHash.toString('hex')],
    })
    for (const { id, percentDone } of seen.torrents) {
      completed += Math.floor(percentDone)
      await call('torrent-remove', { ids: [id], 'delete-local-data': true })
    }
    downloads++
    return call('torrent-add', {
      filename: `magnet:?xt=urn:btih:${data.infoHash.toString('hex')}&x.pe=${address}`,
    })
  }
  const source =
    turn % 4 === 0
      ? { filename: `magnet:?xt=urn:btih:${randomBytes(20).toString('hex')}` }
      : { metainfo: makeUnknown().toString('base64') }
  const { 'torrent-added': torrent } = await call('torrent-add', { ...source, labels: [`${turn % 100}`] })
  added.push(torrent.id)
  if (turn % 3 === 0)
    await call('torrent-set', { ids: [torrent.id], uploadLimit: turn % 50, uploadLimited: true })
}

const start = performance.now()
const secondsSince = () => (performance.now() - start) / 1000
const measured = /** @type {import('./probe.js').Holdings[]} */ ([])
const rows = /** @type {string[][]} */ ([])

async function measure() {
  process.kill(daemon.pid, 'SIGUSR2')
  const line = await daemon.line(line => line.startsWith(`{"measurement":${measured.length + 1},`))
  const holdings = /** @type {import('./probe.js').Holdings} */ (JSON.parse(line).holdings)
  const { descriptors, heap, resources, rss, timers } = holdings
  measured.push(holdings)
  const counts = [descriptors, timers, resources, readdirSync(state, { recursive: true }).length, turns]
  rows.push([
    secondsSince().toFixed(0),
    ...[rss, heap].map(size => (size / MiB).toFixed(1)),
    ...counts.map(String),
  ])
}

let turns = 0
for (; secondsSince() < seconds; turns++) {
  await addTorrent(turns)
  const oldest = added.length > KEPT_TORRENTS ? added.shift() : undefined
  if (oldest !== undefined)
    await call('torrent-remove', { ids: [oldest], 'delete-local-data': turns % 2 === 0 })
  if (secondsSince() >= ((measured.length + 1) * seconds) / MEASUREMENT_COUNT) await measure()
  await sleep(Math.max(0, turns * PACE_MS - secondsSince() * 1000))
}
if (measured.length < MEASUREMENT_COUNT) await measure()
const cpu = cpuOf(daemon.pid)
const warnings = daemon.lines().filter(line => line.includes('"failed"'))
await daemon.stop('SIGTERM')
await seed.stop()

const [, second, ...later] = measured
const last = later.at(-1)
console.log(`${turns} torrents added and removed in ${seconds} s, Node ${process.version}`)
console.log(`${completed} of ${downloads} downloads were complete after a second, ${warnings.length} failed`)
console.log(`CPU of the daemon: ${((cpu / seconds) * 100).toFixed(1)} % of a core\n`)
printRows(['s', 'RSS MiB', 'heap MiB', 'descriptors', 'timers', 'resources', 'state files', 'torrents'], rows)
const more = (/** @type {'descriptors' | 'heap' | 'rss' | 'timers'} */ what) =>
  second && last && Math.max(0, last[what] - second[what])
bar('heap, from the second measurement to the last', more('heap'), 3 * MiB, { small, unit: 'bytes' })
bar('descriptors more', more('descriptors'), 5, { small })
bar('timers more', more('timers'), 2, { small })
