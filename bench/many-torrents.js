// @ts-check
/**
 * What does a torrent cost that nothing happens to? Many torrents in one client share small files, and no peer comes.
 *
 *     node bench/many-torrents.js [--torrents 10000] [--seconds 30] [--small]
 */
import { closeSync, ftruncateSync, mkdirSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { makeScratch } from './data.js'
import { hasTsdl, idleClient } from './programs.js'
import { bar } from './report.js'
import { cpuOf, run } from './running.js'
import { startTracker } from './tracker.js'

const FILE_BYTES = 16 * (64 << 10)

const { values } = parseArgs({
  options: {
    torrents: { type: 'string' },
    seconds: { type: 'string' },
    small: { type: 'boolean', default: false },
  },
})
const { small } = values
const count = Number(values.torrents ?? (small ? 20 : 10_000))
const seconds = Number(values.seconds ?? (small ? 1 : 30))
if (!hasTsdl) {
  console.log('many-torrents: left out, tsdl is not built: npm run build')
  process.exit()
}
const scratch = makeScratch(100 << 20)
mkdirSync(join(scratch, 'records'))
for (let index = 0; index < count; index++) {
  const file = openSync(join(scratch, String(index)), 'w')
  ftruncateSync(file, FILE_BYTES) // sparse: it takes no room
  closeSync(file)
}
const tracker = await startTracker()
const command = idleClient(scratch, count, tracker.url)
const recorded = await run([...command, '--record']).ended
if (recorded !== 0) throw new Error('the records were not written')

const client = run(command)
const cost = JSON.parse(await client.line(line => line.startsWith('{')))
const before = cpuOf(client.pid)
await new Promise(resolve => setTimeout(resolve, seconds * 1000))
const cpu = (cpuOf(client.pid) - before) / seconds
await client.stop()
tracker.stop()

console.log(`${count} torrents, ${seconds} s, Node ${process.version}\n`)
console.log(
  `parsing one .torrent: ${cost.parse.toFixed(3)} ms; RSS of each: ${(cost.rss / 1024).toFixed(1)} KiB`,
)
bar('heap of an idle torrent, beyond its hashes', cost.heap / 1000, 15, { small, unit: 'KB' })
bar('CPU while idle', cpu * 100, 0.5, { small, unit: '%' })
bar('start of a torrent from its record', cost.start, 0.3, { small, unit: 'ms' })
