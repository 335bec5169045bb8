// @ts-check
/**
 * Measures downloads from one seed. Each contender is a whole process, and downloads the same data from the same seed.
 * They take turns in rounds, so that noise of the machine affects all of them.
 *
 *     node bench/download.js [--size 1GiB] [--rounds 5] [--only floor,tsdl] [--small]
 */
import { createHash } from 'node:crypto'
import { createReadStream, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { contenders } from './contenders.js'
import { makeData, makeScratch } from './data.js'
import { measure, serve } from './measure.js'
import { benchOptions } from './options.js'
import { hasLibtorrent, libtorrent, ownSeed } from './programs.js'
import { bar, minimumOf, printTable, ratio } from './report.js'
import { startTracker } from './tracker.js'

const { size, rounds, only, small } = benchOptions()
const scratch = makeScratch(2 * size)
const data = makeData(scratch, size)
const out = join(scratch, 'out')

const seed = await serve(hasLibtorrent ? [...libtorrent, 'seed', data.torrent, data.dir] : ownSeed(data))
const peer = hasLibtorrent ? `127.0.0.1:${seed.line}` : JSON.parse(seed.line)[0]
const tracker = await startTracker('127.0.0.1', Number(peer.split(':')[1]))
const all = contenders(data, peer, tracker.url, out).filter(({ name }) => !only || only.includes(name))
for (const { name, missing } of all) if (missing) console.log(`${name}: left out, ${missing}`)
const able = all.filter(({ missing }) => !missing)

/** @type {import('./report.js').Results} */
const results = new Map(able.map(({ name }) => [name, []]))
/** The 99th percentile of the delay of tsdl's event loop in each round. @type {number[]} */
const delays = []
try {
  // Round 0 warms the seed and checks the bytes. It is not counted, except with --small, where it is the only one.
  for (let round = small ? 1 : 0; round <= rounds; round++)
    for (const contender of able) {
      rmSync(out, { recursive: true, force: true })
      mkdirSync(out)
      const cost = await measure(contender.command, contender)
      if (contender.file) await check(contender.name, contender.file, round < 2)
      if (round) results.get(contender.name)?.push(cost)
    }
  // In separate rounds, because this measurement costs CPU time.
  const measured = able.find(({ name }) => name === 'tsdl')
  for (let round = 1; measured && round <= rounds; round++) delays.push(await loopDelay(measured.command))
} finally {
  seed.stop()
  tracker.stop()
}

console.log(
  `${size} bytes, ${rounds} rounds, seed: ${hasLibtorrent ? 'libtorrent' : 'our own'}, Node ${process.version}\n`,
)
printTable(results, size, ['floor', 'libtorrent'])
console.log()
/** @type {(name: string, what: keyof import('./measure.js').Cost) => number | undefined} */
const min = (name, what) => minimumOf(results, name, what)
const rss = results.get('tsdl')?.map(cost => cost.rss / 1024 ** 2)
bar('CPU of tsdl / floor', ratio(min('tsdl', 'cpu'), min('floor', 'cpu')), 1.2, { small })
bar('CPU of tsdl / libtorrent', ratio(min('tsdl', 'cpu'), min('libtorrent', 'cpu')), 1, {
  small,
  strict: true,
})
bar('CPU of tsdl / aria2', ratio(min('tsdl', 'cpu'), min('aria2', 'cpu')), 1, { small, strict: true })
bar('wall of tsdl / libtorrent', ratio(min('tsdl', 'wall'), min('libtorrent', 'wall')), 0.7, { small })
bar('peak RSS of tsdl', rss && Math.max(...rss), 128, { small, unit: 'MiB' })
bar(
  "99th percentile of the delay of tsdl's event loop",
  delays.length ? Math.min(...delays) : undefined,
  10,
  {
    small,
    unit: 'ms',
  },
)
bar('CPU of tsdl > file / tsdl', ratio(min('tsdl > file', 'cpu'), min('tsdl', 'cpu')), 1.15, { small })
bar('wall of tsdl > file / tsdl', ratio(min('tsdl > file', 'wall'), min('tsdl', 'wall')), 1.15, { small })

/**
 * Downloads once more, and returns the 99th percentile of the delay of the event loop in milliseconds.
 * @param {string[]} command
 */
async function loopDelay(command) {
  const file = join(scratch, 'loop-delay')
  rmSync(out, { recursive: true, force: true })
  mkdirSync(out)
  const monitor = new URL('loop-delay.js', import.meta.url).href
  await measure(command, { env: { LOOP_DELAY_FILE: file, NODE_OPTIONS: `--import=${monitor}` } })
  return Number(readFileSync(file, 'utf8'))
}

/**
 * Throws if a contender wrote wrong bytes.
 * @param {string} name
 * @param {string} file
 * @param {boolean} closely
 */
async function check(name, file, closely) {
  const { size: got } = statSync(file)
  if (got !== data.length) throw new Error(`${name} wrote ${got} bytes of ${data.length}`)
  if (!closely) return
  const hash = createHash('sha1')
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) hash.update(chunk)
  if (hash.digest('hex') !== data.sha1) throw new Error(`${name} wrote the wrong bytes`)
}
