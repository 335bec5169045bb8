// @ts-check
/**
 * Measures the cost of open pages for a daemon. Many torrents are shared, three pages show the list, and no peer
 * connects.
 *
 *     node bench/page.js [--torrents 1000] [--seconds 20] [--small]
 */
import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { get } from 'node:http'
import { join } from 'node:path'
import { create } from '../dist/index.js'
import { makeScratch } from './data.js'
import { benchOptions } from './options.js'
import { alone, hasTsdl, tsdl } from './programs.js'
import { bar } from './report.js'
import { cpuOf, run } from './running.js'

const OPEN_PAGES = 3
const FILE_BYTES = 65_536

const { seconds, small, torrents } = benchOptions()
if (!hasTsdl) {
  console.log('page: left out, tsdl is not built: npm run build')
  process.exit()
}
const count = Math.min(torrents, 1000)
const scratch = makeScratch(200 << 20)
const sources = []
for (let index = 0; index < count; index++) {
  const name = `torrent-${index}`
  const bytes = Buffer.alloc(FILE_BYTES, createHash('sha256').update(name).digest())
  writeFileSync(join(scratch, name), bytes)
  const files = [{ path: [], length: bytes.length, read: async function* () { yield bytes } }] // biome-ignore format: short
  const { torrent } = await create({ name, files, pieceLength: 16_384 })
  writeFileSync(join(scratch, `${name}.torrent`), torrent)
  sources.push(join(scratch, `${name}.torrent`))
}
const options = [
  '--state',
  join(scratch, 'state'),
  '-o',
  scratch,
  '--http',
  '127.0.0.1:0',
  '--max-downloads',
  '100000',
]
const daemon = run([...tsdl, 'daemon', ...options, ...alone, '--no-tracker', ...sources])
const ready = await daemon.line(line => line.startsWith('ready'))
const base = ready.slice(ready.indexOf('http'))
const sleep = (/** @type {number} */ ms) => new Promise(resolve => setTimeout(resolve, ms))

/** @returns {Promise<{ torrents: Record<string, { status: string }> }>} */
const state = async () => (await fetch(new URL('page/state', base))).json()
for (;;) {
  const { torrents } = await state()
  if (Object.values(torrents).filter(({ status }) => status === 'seeding').length === count) break
  await sleep(500)
}
await sleep(2000)

/** Measures the share of a core that the daemon uses. */
async function measure() {
  const before = cpuOf(daemon.pid)
  await sleep(seconds * 1000)
  return ((cpuOf(daemon.pid) - before) / seconds) * 100
}

const without = await measure()
let received = 0
const streams = Array.from({ length: OPEN_PAGES }, () =>
  get(new URL('page/updates?topic=list', base), response =>
    response.on('data', chunk => {
      received += chunk.length
    }),
  ),
)
await sleep(2000)
const withPages = await measure()
for (const stream of streams) stream.destroy()
await daemon.stop()

console.log(`${count} torrents, ${seconds} s, Node ${process.version}\n`)
console.log(`the pages received ${received} bytes`)
console.log(`without a page: ${without.toFixed(2)} % of a core`)
bar(`CPU of ${OPEN_PAGES} open pages`, withPages - without, 3, { small, unit: '%' })
bar('CPU in all', withPages, 3, { small, unit: '%' })
