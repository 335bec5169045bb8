// @ts-check
/**
 * Measures the cost of reading a torrent as a stream. A swarm of ten peers, some of which are slow and one of which
 * stalls, is downloaded to a directory and to standard output. The times to the first byte, and to a byte far away over
 * HTTP, are measured, and the memory of a reader at 1 MB/s of a torrent of 10 GiB.
 *
 *     node bench/reading.js [--size 256M] [--rounds 3] [--only swarm,start,slow] [--small]
 */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { makeData, makeScratch, makeTorrent } from './data.js'
import { measure, serve } from './measure.js'
import { benchOptions } from './options.js'
import { hasTsdl, ownSeed, tsdl, tsdlGet } from './programs.js'
import { bar, minimumOf, printTable, ratio } from './report.js'

const { rounds, small, only, ...options } = benchOptions()
if (!hasTsdl) {
  console.log('reading: left out, tsdl is not built: npm run build')
  process.exit()
}
const MEGABYTE_BYTES = 1e6
const MiB = 1024 ** 2
const size = process.argv.includes('--size') || small ? options.size : 256 * MiB
const wanted = (/** @type {string} */ part) => !only || only.includes(part)
const scratch = makeScratch(2 * size)
const data = makeData(scratch, size)

if (wanted('swarm')) await swarm()
if (wanted('start')) await start()
if (wanted('slow')) await slow()

/** Measures downloads from ten peers of different speeds, one of which stalls: in order, and in any order. */
async function swarm() {
  const speeds = [1, 2, 3, 4, 6, 8, 10, 12, 16].map(speed => String(speed * (small ? 8 : 1) * MEGABYTE_BYTES))
  const seed = await serve(ownSeed(data, 10, ['--rates', [...speeds, 'stall'].join(',')]))
  const peers = /** @type {string[]} */ (JSON.parse(seed.line))
  const out = join(scratch, 'out')
  const file = join(scratch, 'stdout')
  /** @type {import('./report.js').Results} */
  const results = new Map(['-o DIR', '> file'].map(name => [name, []]))
  let waste = 0
  try {
    for (let round = 0; round < rounds; round++) {
      rmSync(out, { recursive: true, force: true })
      mkdirSync(out)
      results.get('-o DIR')?.push(await measure(tsdlGet(data.torrent, peers, out)))
      results.get('> file')?.push(await measure(tsdlGet(data.torrent, peers, '-'), { to: file }))
      if (statSync(file).size !== size) throw new Error('> file: wrote the wrong size')
      waste = Math.max(waste, await wasted(peers))
    }
  } finally {
    seed.stop()
  }
  console.log(`ten peers of 1 to 16 MB/s, one stalls; ${size} bytes, ${rounds} rounds\n`)
  printTable(results, size, ['-o DIR'])
  console.log()
  const wall = ratio(minimumOf(results, '> file', 'wall'), minimumOf(results, '-o DIR', 'wall'))
  bar('wall of > file / -o DIR, from ten peers', wall, 1.25, { small })
  bar('wasted in order, from ten peers', (100 * waste) / size, 2, { small, unit: '%' })
}

/**
 * Returns the bytes that another run to standard output discarded.
 * @param {string[]} peers
 */
async function wasted(peers) {
  const [program = '', ...args] = [...tsdlGet(data.torrent, peers, '-'), '--json']
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  child.stdout.resume()
  let last = '{}'
  for await (const line of createInterface({ input: child.stderr })) last = line
  return JSON.parse(last).wasted ?? Number.NaN
}

/** Measures the time to the first byte of a run, and to a byte far away in a served torrent. */
async function start() {
  const seed = await serve(ownSeed(data))
  const [peer = ''] = /** @type {string[]} */ (JSON.parse(seed.line))
  const firsts = []
  const seeks = []
  try {
    for (let round = 0; round < Math.max(3, rounds); round++) {
      firsts.push(await firstByte(peer))
      seeks.push(await seek(peer))
    }
  } finally {
    seed.stop()
  }
  console.log(`\nfirst byte and seek, ${firsts.length} rounds; minima\n`)
  bar('first byte on stdout after the start', 1000 * Math.min(...firsts), 300, { small, unit: 'ms' })
  bar('first byte of a place not there yet, over HTTP', 1000 * Math.min(...seeks), 500, { small, unit: 'ms' })
}

/** @param {string} peer */
async function firstByte(peer) {
  const [program = '', ...args] = tsdlGet(data.torrent, [peer], '-')
  const begun = performance.now()
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  await new Promise(resolve => child.stdout.once('data', resolve))
  const seconds = (performance.now() - begun) / 1000
  child.kill('SIGKILL')
  return seconds
}

/** @param {string} peer */
async function seek(peer) {
  const options = ['--peer', peer, '--no-tracker', '--no-listen', '--http', '127.0.0.1:0', '--json']
  const [program = '', ...args] = [...tsdl, 'serve', data.torrent, ...options]
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  try {
    const url = await new Promise((resolve, reject) => {
      createInterface({ input: child.stderr }).on('line', line => {
        const { event, url } = JSON.parse(line)
        if (event === 'serving') resolve(url)
      })
      child.on('exit', code => reject(new Error(`tsdl serve ended: exit ${code}`)))
    })
    const file = `${url}${data.infoHash.toString('hex')}/${data.name}`
    // Another reader reads from the start, so that the peer is busy.
    const playing = await fetch(file)
    const reader = /** @type {ReadableStream<Uint8Array>} */ (playing.body).getReader()
    await reader.read()
    const begun = performance.now()
    const place = Math.floor(size * 0.7)
    const response = await fetch(file, { headers: { range: `bytes=${place}-${place + 99_999}` } })
    const farReader = /** @type {ReadableStream<Uint8Array>} */ (response.body).getReader()
    await farReader.read()
    const seconds = (performance.now() - begun) / 1000
    await Promise.all([farReader.cancel(), reader.cancel()])
    return seconds
  } finally {
    child.kill('SIGKILL')
  }
}

/** Measures a reader at 1 MB/s of a torrent that is far larger than the memory. */
async function slow() {
  const length = small ? 64 * MiB : 10 * 1024 * MiB
  const seconds = small ? 2 : 30
  const pieceLength = 8 * MiB
  const hash = createHash('sha1').update(Buffer.alloc(pieceLength)).digest()
  const made = makeTorrent(
    join(scratch, 'zeros.torrent'),
    'zeros',
    length,
    pieceLength,
    Buffer.alloc((20 * length) / pieceLength, hash),
  )
  const zeros = { ...data, ...made, length, pieceLength }
  const seed = await serve(ownSeed(zeros, 4, ['--zeros', String(length), '--rates', ',,,']))
  const [program = '', ...args] = [...tsdlGet(made.torrent, JSON.parse(seed.line), '-'), '--json']
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let ahead = 0
  let read = 0
  createInterface({ input: child.stderr }).on('line', line => {
    const { event, verified, buffered } = JSON.parse(line)
    // the memory of the process, and the buffer of the pipe
    if (event === 'progress') ahead = Math.max(ahead, verified + buffered - read)
  })
  const pace = setInterval(() => {
    for (let due = MEGABYTE_BYTES / 10; due > 0; ) {
      const chunk = child.stdout.read(Math.min(due, child.stdout.readableLength || due))
      if (!chunk) break
      due -= chunk.length
      read += chunk.length
    }
  }, 100)
  child.stdout.on('readable', () => {})
  await new Promise(resolve => setTimeout(resolve, seconds * 1000))
  clearInterval(pace)
  const status = readFileSync(`/proc/${child.pid}/status`, 'utf8')
  child.kill('SIGKILL')
  seed.stop()
  console.log(
    `\na reader at 1 MB/s of ${length / MiB} MiB, for ${seconds} s: ${(read / MEGABYTE_BYTES).toFixed(1)} MB read\n`,
  )
  bar('peak RSS with a slow reader', Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]) / 1024, 160, {
    small,
    unit: 'MiB',
  })
  bar('bytes ahead of a slow reader', ahead / MiB, 64, { small, unit: 'MiB' })
}
