// @ts-check
/**
 * Measures the output to a pipe or a socket. Readers of different speeds read standard output. Each time is divided by
 * the slower of two others: the same download to a directory, and the reader alone on the file.
 *
 *     node bench/pipes.js [--size 1G] [--rounds 3] [--only sha256sum,md5sum,gzip,50MB/s] [--small]
 */
import { spawn, spawnSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { makeData, makeScratch } from './data.js'
import { serve } from './measure.js'
import { benchOptions } from './options.js'
import { hasTsdl, node, ownSeed, tsdlGet } from './programs.js'
import { bar, printWalls } from './report.js'

const { size, rounds: given, small, only } = benchOptions()
const rounds = process.argv.includes('--rounds') || small ? given : 3
if (!hasTsdl) {
  console.log('pipes: left out, tsdl is not built: npm run build')
  process.exit()
}

const wanted = only ?? (small ? ['sha256sum', '50MB/s'] : undefined)
const pacedReader = fileURLToPath(new URL('paced-reader.js', import.meta.url))
/** Slow readers get a quarter of the bytes, so that they take as long. */
const readers = [
  { name: 'sha256sum', command: ['sha256sum'], parts: 1 },
  { name: 'md5sum', command: ['md5sum'], parts: 1 },
  { name: 'gzip', command: ['gzip', '-1'], parts: 4 },
  { name: '50MB/s', command: [node, pacedReader, '50e6'], parts: 4 },
].filter(({ name, command }) => {
  if (wanted && !wanted.includes(name)) return false
  if (spawnSync(command[0] ?? '', ['--version']).status === 0) return true
  console.log(`${name}: left out, not installed`)
  return false
})

const scratch = makeScratch(3 * size)

/** Seconds of each run, by name. @type {Map<string, number[]>} */
const walls = new Map()
for (const parts of new Set(readers.map(({ parts }) => parts)))
  await measureAll(
    readers.filter(reader => reader.parts === parts),
    Math.ceil(size / parts),
  )

console.log(`\n${size} bytes, a quarter for slow readers, ${rounds} rounds\n`)
printWalls(walls)
console.log()
/** @param {string} name */
const minimumOf = name => Math.min(...(walls.get(name) ?? []))
for (const { name, parts } of readers) {
  const slower = Math.max(minimumOf(`-o DIR, size / ${parts}`), minimumOf(`${name} < file`))
  for (const way of ['pipe', 'socket'])
    bar(`wall of ${name}, ${way} / the slower of both`, minimumOf(`${name}, ${way}`) / slower, 1.1, { small })
}

/**
 * Measures these readers, each with a pipe, a socket and a file, in turns.
 * @param {typeof readers} readers
 * @param {number} length
 */
async function measureAll(readers, length) {
  const dir = join(scratch, String(length))
  mkdirSync(dir)
  const data = makeData(dir, length)
  const seed = await serve(ownSeed(data))
  const out = join(dir, 'out')
  const { parts } = readers[0] ?? { parts: 1 }
  const get = (/** @type {string} */ to) => tsdlGet(data.torrent, JSON.parse(seed.line), to)
  try {
    // Round 0 warms the seed. It is not counted, unless it is the only one.
    for (let round = small ? 1 : 0; round <= rounds; round++) {
      const timed = async (/** @type {string} */ name, /** @type {() => Promise<unknown>} */ run) => {
        const begun = performance.now()
        await run()
        const seconds = (performance.now() - begun) / 1000
        if (round) walls.set(name, [...(walls.get(name) ?? []), seconds])
      }
      rmSync(out, { recursive: true, force: true })
      mkdirSync(out)
      await timed(`-o DIR, size / ${parts}`, () => ended(start(get(out), '/dev/null', 'ignore')))
      rmSync(out, { recursive: true, force: true })
      for (const { name, command } of readers) {
        await timed(`${name} < file`, () => ended(start(command, data.file, 'ignore')))
        await timed(`${name}, pipe`, () => throughPipe(get('-'), command))
        await timed(`${name}, socket`, () => throughSocket(get('-'), command))
      }
    }
  } finally {
    seed.stop()
    rmSync(dir, { recursive: true, force: true })
  }
}

/**
 * @param {string[]} command
 * @param {string} from its standard input: a file, or `pipe`
 * @param {'ignore' | import('node:stream').Writable} to
 */
function start([program = '', ...args], from, to) {
  const stdin = from === 'pipe' ? from : openSync(from, 'r')
  const child = spawn(program, args, { stdio: [stdin, to, 'inherit'] })
  if (typeof stdin === 'number') closeSync(stdin)
  return child
}

/**
 * Resolves when a program has ended with exit code 0.
 * @param {import('node:child_process').ChildProcess} child
 */
function ended(child) {
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', code =>
      code === 0 ? resolve(code) : reject(new Error(`${child.spawnfile}: exit ${code}`)),
    )
  })
}

/**
 * @param {string[]} writer
 * @param {string[]} reader
 */
function throughPipe(writer, reader) {
  const quoted = (/** @type {string[]} */ words) => words.map(word => `'${word}'`).join(' ')
  const script = `set -o pipefail; ${quoted(writer)} | ${quoted(reader)}`
  return ended(start(['bash', '-c', script], '/dev/null', 'ignore'))
}

/**
 * The reader's standard input is one end of a socket pair, the writer's standard output the other.
 * @param {string[]} writer
 * @param {string[]} reader
 */
async function throughSocket(writer, reader) {
  const reading = start(reader, 'pipe', 'ignore')
  const end = /** @type {import('node:stream').Writable} */ (reading.stdin)
  const writing = start(writer, '/dev/null', end)
  end.destroy()
  await Promise.all([ended(writing), ended(reading)])
}
