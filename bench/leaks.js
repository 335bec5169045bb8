// @ts-check
/**
 * Finds leaks of a session. It keeps some torrents, and always adds, downloads, changes and removes another one, from a
 * client of the same process. Objects and descriptors are counted after a fifth of the time and at the end.
 *
 *     node bench/leaks.js [--seconds 600] [--small]
 */
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { queryObjects, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { encode, makeScratch } from './data.js'
import { benchOptions } from './options.js'
import { hasTsdl } from './programs.js'
import { bar } from './report.js'

/** Torrents of the seed; the session keeps some of them. */
const TORRENT_COUNT = 12
const KEPT_TORRENTS = 8
const PIECE_COUNT = 16
const PIECE_LENGTH = 64 << 10
/** Milliseconds between two rounds. The bench looks for growth, so it need not be fast. */
const PACE_MS = 250

const { small, ...options } = benchOptions()
const seconds = small ? 5 : Math.max(options.seconds, 60)
if (!hasTsdl) {
  console.log('leaks: left out, tsdl is not built: npm run build')
  process.exit()
}
const { Client, FileStateStore, FileStorage, parse, Session } = await import('../dist/index.js')
setFlagsFromString('--expose-gc')
const collect = /** @type {() => void} */ (runInNewContext('gc'))

const scratch = makeScratch(64 << 20)
const offline = { bind: '127.0.0.1', dht: false, lsd: false, trackers: false, hashThreads: 0 }

/** @param {number} index */
function makeTorrent(index) {
  const data = randomBytes(PIECE_COUNT * PIECE_LENGTH)
  writeFileSync(join(scratch, 'seed', String(index)), data)
  const pieces = Array.from({ length: PIECE_COUNT }, (_, at) =>
    createHash('sha1')
      .update(data.subarray(at * PIECE_LENGTH, (at + 1) * PIECE_LENGTH))
      .digest(),
  )
  const info = { length: data.length, name: String(index), 'piece length': PIECE_LENGTH }
  return encode({ info: { ...info, pieces: Buffer.concat(pieces), private: 1 } })
}

mkdirSync(join(scratch, 'seed'))
const sources = Array.from({ length: TORRENT_COUNT }, (_, index) => makeTorrent(index))
const seed = new Client(offline)
for (const source of sources) {
  const metainfo = parse(source)
  const storage = new FileStorage(metainfo, { directory: join(scratch, 'seed') })
  await (await seed.add(metainfo, { share: true, storage })).done
}
const { port } = (await seed.listen()) ?? {}

const client = new Client(offline)
const session = await Session.open({
  client,
  directory: join(scratch, 'data'),
  hashThreads: 0,
  store: new FileStateStore(join(scratch, 'state')),
})
session.on('warning', error => {
  console.error(error.message)
  process.exitCode = 1
})

/** @param {import('../dist/index.js').SessionTorrent} torrent */
async function untilSeeding(torrent) {
  while (torrent.status !== 'seeding') await once(session, 'changed')
}

function measure() {
  for (let times = 0; times < 3; times++) collect()
  const { external, heapUsed, rss } = process.memoryUsage()
  const objects = Number(queryObjects(Object, { format: 'count' }))
  return { bytes: heapUsed + external, descriptors: readdirSync('/proc/self/fd').length, objects, rss }
}

let before = measure()
let roundsBefore = 0
const start = performance.now()
let rounds = 0
for (; performance.now() - start < seconds * 1000; rounds++) {
  const source = /** @type {Buffer} */ (sources[rounds % TORRENT_COUNT])
  const torrent = await session.add(source, { peers: [`127.0.0.1:${port}`] })
  await untilSeeding(torrent)
  await torrent.set({ labels: [String(rounds)], up: { enabled: true, value: 1e6 } })
  if (rounds % 3 === 0) await torrent.recheck()
  if (rounds % 4 === 0) await torrent.stop()
  const [oldest] = session.torrents
  if (session.torrents.length > KEPT_TORRENTS && oldest) await session.remove(oldest, { withData: true })
  if (roundsBefore === 0 && performance.now() - start >= seconds * 200) {
    before = measure()
    roundsBefore = rounds
  }
  await sleep(PACE_MS)
}
const after = measure()
await session.close()
await client.close()
await seed.close()

const between = rounds - roundsBefore
console.log(`${rounds} torrents added and removed in ${seconds} s, Node ${process.version}\n`)
console.log(`RSS ${(before.rss / 2 ** 20).toFixed(0)} MiB, then ${(after.rss / 2 ** 20).toFixed(0)} MiB`)
// most of it is code that V8 compiles and discards while it optimizes
console.log(`heap: ${((after.bytes - before.bytes) / between).toFixed(0)} bytes more for each torrent since`)
bar('objects that a removed torrent leaves', (after.objects - before.objects) / between, 0.5, { small })
bar('descriptors more than before', Math.max(0, after.descriptors - before.descriptors), 0, {
  small,
  unit: '',
})
