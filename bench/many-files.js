// @ts-check
/**
 * Measures the cost of many small files. A torrent of 100,000 files of 500 bytes in 1,000 directories is created,
 * shown, downloaded to a directory and as a tar archive, and started again when it is complete. Other programs take
 * turns with tsdl.
 *
 *     node bench/many-files.js [--rounds 3] [--only create,info,download,again] [--small]
 */
import { createCipheriv } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeScratch } from './data.js'
import { measure, serve } from './measure.js'
import { benchOptions } from './options.js'
import {
  alone,
  hasLibtorrent,
  hasMktorrent,
  hasTransmissionCreate,
  hasTsdl,
  libtorrent,
  tsdl,
  tsdlGet,
} from './programs.js'
import { bar, minimumOf, ratio } from './report.js'

const { small, only, ...options } = benchOptions()
if (!hasTsdl) {
  console.log('many files: left out, tsdl is not built: npm run build')
  process.exit()
}
const rounds = process.argv.includes('--rounds') || small ? options.rounds : 3
const directories = small ? 10 : 1000
const filesInEach = 100
const fileBytes = 500

// Small files take a page each.
const scratch = makeScratch(directories * filesInEach * 4096 * 3)
// Only the next run uses the resume record of a run.
process.env.XDG_STATE_HOME = join(scratch, 'state')
const source = join(scratch, 'source')
const content = join(source, 'many')
const torrent = join(scratch, 'many.torrent')
const out = join(scratch, 'out')
makeFiles()
await measure([...tsdl, 'create', content, '-o', torrent, '-q', '--no-date'])

/** @type {import('./report.js').Results} */
const results = new Map()
const wanted = (/** @type {string} */ name) => !only || only.includes(name)
const seed = hasLibtorrent ? await serve([...libtorrent, 'seed', torrent, source]) : undefined
try {
  for (let round = 0; round < rounds; round++) {
    if (wanted('create')) await create()
    if (wanted('info')) await take('info', [...tsdl, 'info', torrent])
    if (seed && (wanted('download') || wanted('again'))) await download(`127.0.0.1:${seed.line}`)
  }
} finally {
  seed?.stop()
}

console.log(
  `${directories * filesInEach} files of ${fileBytes} bytes, ${rounds} rounds, Node ${process.version}\n`,
)
for (const [name, costs] of results) {
  const [seconds, cpu] = [minimumOf(results, name, 'wall') ?? 0, minimumOf(results, name, 'cpu') ?? 0]
  const mebibytes = Math.max(...costs.map(({ rss }) => rss)) / 1024 ** 2
  const columns = [
    `wall ${seconds.toFixed(2)} s`,
    `CPU ${cpu.toFixed(2)} s`,
    `RSS ${mebibytes.toFixed(0)} MiB`,
  ]
  console.log(`${name.padEnd(20)} ${columns.join(', ')}`)
}
console.log()
const wall = (/** @type {string} */ name) => minimumOf(results, name, 'wall')
const others = ['mktorrent', 'transmission-create'].flatMap(name => wall(name) ?? [])
const fastest = others.length > 0 ? Math.min(...others) : undefined
bar('wall, create / the faster of mktorrent and transmission-create', ratio(wall('create'), fastest), 2, {
  small,
})
bar('wall of info', wall('info'), 1, { small, unit: 's' })
bar('wall, download / libtorrent', ratio(wall('download'), wall('libtorrent')), 3, { small })
bar('wall, download as tar / libtorrent', ratio(wall('tar'), wall('libtorrent')), 3, { small })
bar('wall of a run with a record of all files', wall('again'), 3, { small, unit: 's' })
const peaks = ['create', 'download', 'tar', 'again'].flatMap(name =>
  (results.get(name) ?? []).map(({ rss }) => rss),
)
bar('peak RSS', peaks.length > 0 ? Math.max(...peaks) / 1024 ** 2 : undefined, 350, { small, unit: 'MiB' })

function makeFiles() {
  const keystream = createCipheriv('aes-128-ctr', Buffer.alloc(16, 'tsdl'), Buffer.alloc(16))
  for (let at = 0; at < directories; at++) {
    const directory = join(content, `d${String(at).padStart(3, '0')}`)
    mkdirSync(directory, { recursive: true })
    for (let file = 0; file < filesInEach; file++)
      writeFileSync(join(directory, `file-${file}.bin`), keystream.update(Buffer.alloc(fileBytes)))
  }
}

/**
 * Measures a command as one run of a contender.
 * @param {string} name
 * @param {string[]} command
 * @param {{ to?: string }} [options]
 */
async function take(name, command, options) {
  const cost = await measure(command, options)
  results.set(name, [...(results.get(name) ?? []), cost])
}

async function create() {
  /** @type {[name: string, isInstalled: boolean, command: string[]][]} */
  const contenders = [
    ['create', true, [...tsdl, 'create', content, '-q', '-o']],
    ['mktorrent', hasMktorrent, ['mktorrent', content, '-o']],
    ['transmission-create', hasTransmissionCreate, ['transmission-create', content, '-o']],
  ]
  for (const [name, isInstalled, command] of contenders) {
    const made = join(scratch, `${name}.torrent`)
    rmSync(made, { force: true })
    if (isInstalled) await take(name, [...command, made])
    if (isInstalled && !existsSync(made)) throw new Error(`${name} wrote no torrent`)
  }
}

/** @param {string} peer */
async function download(peer) {
  const state = process.env.XDG_STATE_HOME ?? ''
  rmSync(state, { recursive: true, force: true })
  emptyOut()
  await take('download', tsdlGet(torrent, [peer], out))
  checkOut()
  if (wanted('again')) await take('again', tsdlGet(torrent, [peer], out))
  if (!wanted('download')) return
  const tar = [...tsdl, torrent, '--tar', '-o', '-', '--peer', peer, ...alone, '--no-tracker', '-q']
  await take('tar', tar, { to: '|' })
  emptyOut()
  await take('libtorrent', [...libtorrent, 'leech', torrent, out, peer])
  checkOut()
}

function emptyOut() {
  rmSync(out, { recursive: true, force: true })
  mkdirSync(out)
}

function checkOut() {
  const found = readdirSync(out, { recursive: true }).length
  const expected = 1 + directories + directories * filesInEach
  if (found !== expected) throw new Error(`${found} files and directories were written, not ${expected}`)
}
