// @ts-check
/**
 * Measures the time in which leechers download from one slow seed. Ten start together and upload to each other; each
 * leaves when it is complete. The minimum is the time in which the seed sends one copy.
 *
 *     node bench/swarm.js [--size 64MiB] [--peers 10] [--mixed] [--small]
 *
 * With --mixed the leechers are of every installed client, in turn.
 */
import { createHash } from 'node:crypto'
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { makeData, makeScratch } from './data.js'
import { startGathering } from './gathering.js'
import { benchOptions } from './options.js'
import * as programs from './programs.js'
import { bar } from './report.js'
import { run } from './running.js'

// This bench has its own default size and number of leechers.

const given = (/** @type {string} */ option) => process.argv.some(arg => arg.split('=')[0] === option)
const { mixed, small, ...options } = benchOptions()
const size = given('--size') || small ? options.size : 64 << 20
const leechers = given('--peers') ? options.peers : small ? 4 : 10
/** Bytes per second. */
const up = small ? 2 << 20 : 4 << 20
/** Seconds in which the seed sends one copy. */
const copy = size / up

if (!programs.hasTsdl) {
  console.log('swarm: left out, tsdl is not built: npm run build')
  process.exit()
}
const scratch = makeScratch((leechers + 2) * size)
const data = makeData(scratch, size, 256 << 10)
const tracker = await startGathering(leechers + 1)
// `announce` sorts before `info`, which follows unchanged.
const torrent = join(scratch, 'announced.torrent')
const plain = readFileSync(data.torrent).subarray(1)
writeFileSync(torrent, Buffer.concat([Buffer.from(`d8:announce${tracker.url.length}:${tracker.url}`), plain]))

const kinds = mixed ? await clients() : [{ name: 'tsdl', command: tsdl }]
const seed = run(programs.tsdlSeed({ ...data, torrent }, ['--up', `${up}`]))
/** @type {{ name: string, out: string, program: import('./running.js').Running }[]} */
const running = []
try {
  for (let i = 0; i < leechers; i++) {
    const { name, command } = /** @type {Kind} */ (kinds[i % kinds.length])
    const out = join(scratch, `out-${i}`)
    mkdirSync(out)
    running.push({ name, out, program: run(await command(out)) })
  }
  await within(copy * 6 + 60, Promise.race([tracker.allFinished, someoneFails()]))
  await check()
  report(await tracker.gathered, await sentAt(tracker.finished()[0]?.time ?? 0))
} finally {
  tracker.stop()
  await Promise.all([seed, ...running.map(({ program }) => program)].map(program => program.stop()))
}

/** @typedef {{ name: string, command: (out: string) => string[] | Promise<string[]> }} Kind */

/** @param {string} out */
function tsdl(out) {
  return [...programs.tsdl, torrent, '-o', out, '--bind', '127.0.0.1', '--json']
}

/** The installed clients. */
async function clients() {
  /** @type {(Kind & { isInstalled: boolean })[]} */
  const all = [
    { name: 'tsdl', isInstalled: true, command: tsdl },
    {
      name: 'aria2',
      isInstalled: programs.hasAria2,
      command: async out => [
        ...programs.aria2,
        ...['--interface=127.0.0.1', `--listen-port=${await freePort()}`, '-d', out, torrent],
      ],
    },
    { name: 'transmission', isInstalled: programs.hasTransmission, command: transmission },
    {
      name: 'libtorrent',
      isInstalled: programs.hasLibtorrent,
      command: out => [...programs.libtorrent, 'leech', torrent, out],
    },
  ]
  for (const { name, isInstalled } of all)
    if (!isInstalled) console.log(`${name}: left out, it is not installed`)
  return all.filter(({ isInstalled }) => isInstalled)
}

/** @param {string} out */
async function transmission(out) {
  const config = `${out}-config`
  // It loads the torrents in its own directory at its start.
  mkdirSync(join(config, 'torrents'), { recursive: true })
  copyFileSync(torrent, join(config, 'torrents', 'data.torrent'))
  return programs.transmission(config, out, await freePort(), await freePort())
}

/** Rejects when a leecher ends before it is complete. */
async function someoneFails() {
  return new Promise((_, reject) => {
    for (const { name, program } of running)
      program.ended.then(code => {
        if (code !== 0)
          reject(new Error(`${name} ended with ${code}: ${program.lines().slice(-5).join('\n')}`))
      })
  })
}

/** Checks all bytes of all leechers. Only transmission still runs, and writes its last bytes when it ends. */
async function check() {
  for (const { name, out, program } of running) {
    if (name === 'transmission') await program.stop('SIGTERM')
    await program.ended
    const sha1 = createHash('sha1')
      .update(readFileSync(join(out, data.name)))
      .digest('hex')
    if (sha1 !== data.sha1) throw new Error(`${name} has the wrong bytes`)
  }
}

/**
 * Returns the bytes that the seed had sent at a time, interpolated between its reports.
 * @param {number} time ms
 */
async function sentAt(time) {
  let before = { time: 0, uploaded: 0 }
  let after = before
  await seed.line(line => {
    if (!line.includes('"event":"progress"')) return false
    const event = JSON.parse(line)
    if (event.time >= time) after = event
    else before = event
    return event.time >= time
  })
  const share = before.time ? (time - before.time) / (after.time - before.time) : 1
  return before.uploaded + share * (after.uploaded - before.uploaded)
}

/**
 * @param {number} start ms
 * @param {number} sent bytes
 */
function report(start, sent) {
  const times = tracker.finished().map(({ client, time }) => ({ client, seconds: (time - start) / 1000 }))
  console.log(
    `${size} bytes, seed at ${up} bytes a second: one copy in ${copy.toFixed(1)} s; Node ${process.version}\n`,
  )
  for (const { client, seconds } of times) console.log(`${client.padEnd(13)} ${seconds.toFixed(2)} s`)
  console.log()
  const seconds = times.map(({ seconds }) => seconds)
  const first = Math.min(...seconds)
  const last = Math.max(...seconds)
  if (mixed) {
    const own = times.filter(({ client }) => client === 'tsdl').map(({ seconds }) => seconds)
    // They end almost at the same time, so a difference of a few hundredths is noise.
    bar('median wall of tsdl / of all', median(own) / median(seconds), 1.05, { small })
    return
  }
  bar('wall of the last / of one copy', last / copy, 1.25, { small })
  bar('wall of the first / of one copy', first / copy, 1.25, { small })
  bar('copies sent when the first had everything', sent / size, 1.25, { small })
}

/** @param {number[]} values */
function median(values) {
  const sorted = values.toSorted((a, b) => a - b)
  const half = sorted.length >> 1
  return sorted.length % 2 ? Number(sorted[half]) : (Number(sorted[half - 1]) + Number(sorted[half])) / 2
}

/**
 * @param {number} seconds
 * @param {Promise<unknown>} work
 */
async function within(seconds, work) {
  /** @type {NodeJS.Timeout | undefined} */
  let timer
  const timeout = new Promise((_, reject) => {
    const why = () => `${tracker.finished().length} of ${leechers} leechers had everything after ${seconds} s`
    timer = setTimeout(() => reject(new Error(why())), seconds * 1000)
  })
  await Promise.race([work, timeout]).finally(() => clearTimeout(timer))
}

/** @returns {Promise<number>} a TCP port without a listener */
function freePort() {
  return new Promise(resolve => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
      server.close(() => resolve(port))
    })
  })
}
