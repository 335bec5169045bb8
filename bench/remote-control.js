// @ts-check
/**
 * Measures how long a daemon with many torrents takes to list them over RPC. 100 share a file, and the others are
 * stopped. Each list is requested once from a daemon that has just started, and then again. The CPU time of the idle
 * daemon is measured too.
 *
 *     node bench/remote-control.js [--torrents 1000] [--rounds 3] [--only sonarr,page,trackers,files] [--small]
 */
import { createHash, randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { encode, makeScratch } from './data.js'
import { benchOptions } from './options.js'
import { alone, hasTsdl, tsdl } from './programs.js'
import { bar, median, printRows } from './report.js'
import { cpuOf, peakOf, run } from './running.js'

const ACTIVE_TORRENTS = 100
const ACTIVE_BYTES = 1 << 20
const PIECE_BYTES = 65_536
const STOPPED_PIECES = 2000
const STOPPED_FILES = 10
const REPEAT_COUNT = 8
/** Seconds until the work of the start has ended, and seconds in which the idle daemon is measured. */
const SETTLING_SECONDS = 5
const IDLE_SECONDS = 20
const MiB = 2 ** 20

const PAGE_FIELDS =
  'id name error errorString eta isFinished isStalled labels leftUntilDone metadataPercentComplete peersConnected ' +
  'peersGettingFromUs peersSendingToUs percentDone queuePosition rateDownload rateUpload recheckProgress seedRatioMode ' +
  'seedRatioLimit sizeWhenDone status uploadedEver uploadRatio webseedsSendingToUs addedDate downloadDir totalSize'
/** Fields as clients request them for a list. */
const LIST_FIELDS = new Map([
  [
    'sonarr',
    'id hashString name downloadDir totalSize leftUntilDone isFinished eta status secondsDownloading secondsSeeding ' +
      'errorString uploadedEver downloadedEver seedRatioLimit seedRatioMode seedIdleLimit seedIdleMode fileCount ' +
      'file-count labels',
  ],
  ['page', PAGE_FIELDS],
  ['trackers', `${PAGE_FIELDS} trackers trackerStats`],
  ['files', `${PAGE_FIELDS} trackers trackerStats files fileStats priorities wanted pieces peers`],
])

const { only: chosen, rounds: given, small, torrents } = benchOptions()
const lists = chosen ?? (small ? ['files'] : [...LIST_FIELDS.keys()])
const repeats = small ? 1 : REPEAT_COUNT
const count = Math.min(torrents, small ? 20 : process.argv.includes('--torrents') ? torrents : 1000)
const rounds = Math.min(given, 3)
if (!hasTsdl) {
  console.log('remote-control: left out, tsdl is not built: npm run build')
  process.exit()
}
const scratch = makeScratch(200 * MiB + count * 100_000)
const active = Math.min(ACTIVE_TORRENTS, count >> 1)

/** @param {number} index */
function makeActive(index) {
  const name = `active-${index}`
  const bytes = Buffer.alloc(ACTIVE_BYTES, createHash('sha256').update(name).digest())
  writeFileSync(join(scratch, name), bytes)
  const hash = createHash('sha1').update(bytes.subarray(0, PIECE_BYTES)).digest()
  const pieces = Buffer.concat(Array(ACTIVE_BYTES / PIECE_BYTES).fill(hash))
  return { length: ACTIVE_BYTES, name, 'piece length': PIECE_BYTES, pieces }
}

/** @param {number} index */
function makeStopped(index) {
  const length = (STOPPED_PIECES / STOPPED_FILES) * PIECE_BYTES
  const files = Array.from({ length: STOPPED_FILES }, (_, at) => ({
    length,
    path: ['season 1', `episode ${at}.mkv`],
  }))
  const pieces = randomBytes(20 * STOPPED_PIECES)
  return { files, name: `Some.Show.${index}.1080p`, 'piece length': PIECE_BYTES, pieces }
}

/** Starts the daemon, and waits until it shares. */
async function start() {
  const daemon = run([
    ...[
      ...tsdl,
      'daemon',
      '--json',
      ...alone,
      '--no-tracker',
      '--bind',
      '127.0.0.1',
      '--http',
      '127.0.0.1:0',
    ],
    ...['--state', join(scratch, 'state'), '-o', scratch, '--max-downloads', '10000'],
  ])
  const { url } = JSON.parse(await daemon.line(line => line.includes('"ready"')))
  const agent = new Agent({ keepAlive: true })
  let id = ''
  /**
   * @param {string} method
   * @param {object} parameters
   * @returns {Promise<string>} the body of the answer
   */
  const call = (method, parameters) =>
    new Promise((resolve, reject) => {
      const headers = { 'x-transmission-session-id': id }
      const sent = request(
        new URL('transmission/rpc', url),
        { agent, headers, method: 'POST' },
        async response => {
          /** @type {Buffer[]} */
          const chunks = []
          response.on('data', chunk => chunks.push(chunk)).once('error', reject)
          response.once('end', () => {
            if (response.statusCode !== 409) return resolve(Buffer.concat(chunks).toString())
            id = `${response.headers['x-transmission-session-id']}`
            call(method, parameters).then(resolve, reject)
          })
        },
      )
      sent.once('error', reject).end(JSON.stringify({ method, arguments: parameters }))
    })
  await call('session-get', { fields: ['version'] })
  return { call, daemon }
}

/** @param {Awaited<ReturnType<typeof start>>} started */
async function untilShared({ call }) {
  const isShared = async () =>
    JSON.parse(await call('session-stats', {})).arguments.activeTorrentCount >= active
  while (!(await isShared())) await sleep(200)
  await sleep(1000)
}

const announce = 'http://tracker.example.org:6969/announce'
const tiers = [[announce], ['udp://open.example.net:1337/announce'], ['udp://backup.example.com:80']]
const trackers = Object.fromEntries([
  ['announce', announce],
  ['announce-list', tiers],
])
const adding = await start()
for (let index = 0; index < count; index++) {
  const info = index < active ? makeActive(index) : makeStopped(index)
  const metainfo = Buffer.from(encode({ ...trackers, info })).toString('base64')
  await adding.call('torrent-add', { metainfo, paused: index >= active, labels: ['shows'] })
}
await untilShared(adding)
await adding.daemon.stop('SIGTERM')

const rows = []
const firsts = new Map()
let rss = 0
for (const list of lists) {
  const fields = LIST_FIELDS.get(list)?.split(' ')
  const times = { first: /** @type {number[]} */ ([]), later: /** @type {number[]} */ ([]), cpu: 0, bytes: 0 }
  for (let round = 0; round < rounds; round++) {
    const started = await start()
    const { call, daemon } = started
    await untilShared(started)
    const cpu = cpuOf(daemon.pid)
    for (let repeat = 0; repeat <= repeats; repeat++) {
      const before = performance.now()
      times.bytes = (await call('torrent-get', { fields })).length
      times[repeat === 0 ? 'first' : 'later'].push(performance.now() - before)
      await sleep(200)
    }
    times.cpu += (cpuOf(daemon.pid) - cpu) / (repeats + 1) / rounds
    rss = Math.max(rss, peakOf(daemon.pid))
    await daemon.stop('SIGTERM')
  }
  firsts.set(list, Math.min(...times.first))
  const walls = [
    ...[times.first, times.later].flatMap(all => [Math.min(...all), median(all)]),
    times.cpu * 1000,
  ]
  rows.push([list, ...walls.map(ms => ms.toFixed(0)), (times.bytes / 1e6).toFixed(1)])
}
const idle = await start()
await untilShared(idle)
await sleep(small ? 0 : SETTLING_SECONDS * 1000)
const idleSeconds = small ? 0.1 : IDLE_SECONDS
const cpuBefore = cpuOf(idle.daemon.pid)
await sleep(idleSeconds * 1000)
const idlePercent = (100 * (cpuOf(idle.daemon.pid) - cpuBefore)) / idleSeconds
await idle.daemon.stop('SIGTERM')

console.log(`${count} torrents, ${active} of them share, Node ${process.version}\n`)
printRows(['list', 'first ms, min', 'median', 'later, min', 'median', 'CPU ms', 'MB'], rows)
for (const [list, ms] of firsts)
  if (list !== 'files' && count <= 1000) bar(`first list: ${list}`, ms, 100, { small, unit: 'ms' })
bar('CPU while nothing happens', idlePercent, 1, { small, unit: '%' })
bar('peak of resident memory', rss / MiB, 250, { small, unit: 'MiB' })
