// @ts-check
/**
 * Measures the cost of an idle torrent. Many torrents in one client share small files, and no peer connects.
 *
 *     node bench/many-torrents.js [--torrents 10000] [--seconds 30] [--small]
 */
import { closeSync, ftruncateSync, mkdirSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { makeScratch } from './data.js'
import { benchOptions } from './options.js'
import { hasTsdl, idleClient } from './programs.js'
import { bar } from './report.js'
import { cpuOf, run } from './running.js'
import { startTracker } from './tracker.js'

const FILE_BYTES = 16 * (64 << 10)

const { seconds, small, torrents: count } = benchOptions()
if (!hasTsdl) {
  console.log('many-torrents: left out, tsdl is not built: npm run build')
  process.exit()
}
const scratch = makeScratch(100 << 20)
mkdirSync(join(scratch, 'records'))
for (let index = 0; index < count; index++) {
  const file = openSync(join(scratch, String(index)), 'w')
  ftruncateSync(file, FILE_BYTES) // a sparse file takes no space
  closeSync(file)
}
const tracker = await startTracker()
const command = idleClient(scratch, count, tracker.url)
const recorded = await run([...command, '--record']).ended
if (recorded !== 0) throw new Error('the records were not written')

const silent = tracker.requests()
const client = run(command)
const cost = JSON.parse(await client.line(line => line.startsWith('{"parse"')))
const sleep = (/** @type {number} */ ms) => new Promise(resolve => setTimeout(resolve, ms))
// Announces are spread over time, so the torrents are idle when each of them has announced.
while (tracker.requests() < silent + count) await sleep(100)
await sleep(2000)
client.write('memory\n')
const { heap, rss } = JSON.parse(await client.line(line => line.startsWith('{"heap"')))
const before = cpuOf(client.pid)
await sleep(seconds * 1000)
const cpu = (cpuOf(client.pid) - before) / seconds
await client.stop()
tracker.stop()

console.log(`${count} torrents, ${seconds} s, Node ${process.version}\n`)
console.log(`parsing one .torrent: ${cost.parse.toFixed(3)} ms; RSS of each: ${(rss / 1024).toFixed(1)} KiB`)
bar('heap of an idle torrent, beyond its hashes', heap / 1000, 15, { small, unit: 'KB' })
bar('CPU while idle', cpu * 100, 0.5, { small, unit: '%' })
bar('start of a torrent from its record', cost.start, 0.3, { small, unit: 'ms' })
