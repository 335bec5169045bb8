/**
 * An attacker beside an honest client of the HTTP server, on loopback, where every 127.0.0.x is a separate address. The
 * responses to the honest client are compared with those of a run without the attack.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import http from 'node:http'
import net from 'node:net'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { Readable } from 'node:stream'
import { Worker } from 'node:worker_threads'
import t, { type Test } from 'tap'
import { HttpServer, type HttpServerOptions } from '../../src/server/http-server.ts'
import { directoryListing } from '../../src/server/listing.ts'
import { REVIEW_MS } from '../../src/server/reader-slots.ts'
import type { ResponseRange, ServedTorrent } from '../../src/server/served-torrents.ts'
import { Urls } from '../../src/server/urls.ts'
import { cpuTime } from '../helpers/cpu-time.ts'
import { type FileSpec, makeTorrent, noise } from '../helpers/metainfo.ts'
import { VirtualClock, waitUntil } from '../helpers/virtual-clock.ts'

const ACCESS_TOKEN = 'sesame'
const CONTENT_DATA = noise(300_000, 7)
const BLOCK_DATA = noise(65_536, 3)
/** Bytes of a file that no socket buffers whole. */
const LARGE_BYTES = 64 << 20

/** A server of a small and a large file, of which every request needs the token. */
async function serve(t: Test, options: HttpServerOptions = {}) {
  const files: FileSpec[] = [{ path: 'show/small', contents: CONTENT_DATA }]
  const { metainfo } = makeTorrent({ files, name: 'show', multiFile: true })
  const large = { ...metainfo.files[0]!, path: 'show/large', length: LARGE_BYTES }
  const served: ServedTorrent = {
    metainfo: { ...metainfo, files: [metainfo.files[0]!, large] },
    read: (index, range) =>
      index === 0 ? Readable.from([CONTENT_DATA.subarray(range.start, range.end)]) : endless(range),
  }
  const hash = metainfo.infoHash.toString('hex')
  const torrents = new Map([[hash, served]])
  const server = await new HttpServer(torrents, { token: ACCESS_TOKEN, ...options }).listen()
  const warnings: string[] = []
  server.on('warning', error => warnings.push(error.message))
  t.teardown(() => server.close())
  const port = Number(new URL(server.url).port)
  return {
    server,
    torrents,
    served,
    hash,
    port,
    warnings,
    path: (name: string) => `/${hash}/show/${name}?token=${ACCESS_TOKEN}`,
  }
}

function endless({ start, end }: ResponseRange) {
  let at = start
  return new Readable({
    highWaterMark: 1,
    read() {
      const chunk = BLOCK_DATA.subarray(0, end - at)
      at += chunk.length
      this.push(chunk.length === 0 ? null : chunk)
    },
  })
}

/** Sends one honest request on its own connection. Rejects if it is cut off. */
async function ask(port: number, path: string, options: http.RequestOptions = {}) {
  const request = http.request({ host: '127.0.0.1', port, path, agent: false, ...options }).end()
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk)
  return { status: response.statusCode!, body: Buffer.concat(chunks) }
}

/** Opens connections of an attacker from an address at once. They send `text` and never read. */
async function attack(
  t: Test,
  port: number,
  localAddress: string,
  count: number,
  text = '',
): Promise<net.Socket[]> {
  const sockets = Array.from({ length: count }, () => {
    const socket = net.connect({ port, host: '127.0.0.1', localAddress })
    socket.on('error', () => {})
    socket.pause()
    if (text !== '') socket.write(text)
    return socket
  })
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
  })
  await Promise.all(
    sockets.map(socket => (socket.connecting ? once(socket, 'connect').catch(() => {}) : undefined)),
  )
  return sockets
}

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`

/** Returns the shortest of several runs without the attack, and with it, because noise of the machine only adds. */
const fastest = (times: readonly number[]) => Math.min(...times)

async function timed(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now()
  await work()
  return performance.now() - begun
}

/** CPU milliseconds of this process, which has the server and the honest client. That of the attacker is its own. */
async function cpuOf(work: () => Promise<unknown>): Promise<number> {
  const before = cpuTime()
  await work()
  return cpuTime() - before
}

t.test('2,000 idle connections without a token, from one address or ten, exclude no client', async t => {
  for (const addresses of [1, 10]) {
    const { port, path } = await serve(t)
    const honest = async () => {
      const times: number[] = []
      for (let round = 0; round < 10; round++)
        times.push(
          await cpuOf(async () => {
            const { status, body } = await ask(port, path('small'))
            if (status !== 200 || !body.equals(CONTENT_DATA)) throw new Error(`answered with ${status}`)
          }),
        )
      return fastest(times)
    }
    const alone = await honest()
    for (let n = 0; n < addresses; n++) await attack(t, port, `127.0.0.${n + 2}`, 2000 / addresses)
    const attacked = await honest()
    t.ok(
      attacked < 5 * alone,
      `${addresses} addresses: ${attacked} ms of CPU, without the attack ${alone} ms`,
    )
  }
})

t.test('new connections without a token do not end a transfer that makes progress, or a request', async t => {
  const { port, path } = await serve(t, { maxConnections: 16 })
  const request = http.get({ host: '127.0.0.1', port, path: path('large'), agent: false })
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  let got = 0
  for await (const chunk of response) {
    got += chunk.length
    if (got < LARGE_BYTES / 2 && got % (1 << 20) < 65_536)
      await attack(t, port, `127.0.0.${2 + (got % 50)}`, 8)
  }
  t.equal(got, LARGE_BYTES)
})

t.test('60 pipelined requests on a connection that is not read take one reader', async t => {
  const { server, port, path } = await serve(t)
  await attack(t, port, '127.0.0.2', 1, get(path('large')).repeat(60))
  await waitUntil(() => server.readers > 0)
  const answers = await Promise.all(Array.from({ length: 31 }, () => ask(port, path('small'))))
  t.ok(answers.every(({ status, body }) => status === 200 && body.equals(CONTENT_DATA)))
  t.equal(server.readers, 1)
})

t.test('readers of stalled clients go to waiting requests; without those a pause may last', async t => {
  const clock = new VirtualClock()
  const { server, port, path, warnings } = await serve(t, { clock, maxReaders: 4 })
  const paused = http.get({ host: '127.0.0.1', port, path: path('large'), agent: false })
  const [player] = (await once(paused, 'response')) as [http.IncomingMessage]
  await attack(t, port, '127.0.0.2', 2, get(path('large')))
  await waitUntil(() => server.readers === 3)
  await clock.advance(30 * REVIEW_MS)
  t.equal(server.readers, 3)
  let got = 0
  for await (const chunk of player) got += chunk.length
  t.equal(got, LARGE_BYTES, 'the player that paused has all of it')

  await attack(t, port, '127.0.0.2', 2, get(path('large')))
  await waitUntil(() => server.readers === 4)
  let answer: { status: number } | undefined
  void ask(port, path('small')).then(got => {
    answer = got
  })
  while (!answer) await clock.advance(REVIEW_MS / 10)
  t.equal(answer.status, 200)
  t.match(warnings, [/^show\/large: its client 127\.0\.0\.2 took \d+ bytes in 10 s while others waited$/])
  t.ok(clock.now() <= 33 * REVIEW_MS)
})

t.test('many slow readers of one address leave readers for others', async t => {
  const clock = new VirtualClock()
  const { server, port, path, warnings } = await serve(t, { clock, maxReaders: 4 })
  const slow = await attack(t, port, '127.0.0.2', 8, get(path('large')))
  await waitUntil(() => server.readers === 4)
  let answer: { status: number } | undefined
  void ask(port, path('small')).then(got => {
    answer = got
  })
  let turns = 0
  while (!answer) {
    // each reads a little in every turn, so none of them stalls
    for (const socket of slow) socket.read(1000)
    await clock.advance(REVIEW_MS / 10)
    if (++turns > 100) throw new Error('no reader in ten reviews')
  }
  t.equal(answer.status, 200)
  t.match(warnings[0], /^show\/large: its client 127\.0\.0\.2 /)
})

/** Connections in another thread that read everything, so that they do not burden the event loop of the server. */
function readers(t: Test, port: number, path: string, count: number) {
  const program = `
    const { workerData: { port, request, count }, parentPort } = require('node:worker_threads')
    let got = 0
    for (let n = 0; n < count; n++) {
      const socket = require('node:net').connect(port, '127.0.0.1')
      const ask = () => socket.write(request)
      socket.on('connect', ask).on('error', () => {}).on('data', chunk => {
        if (got === 0) parentPort.postMessage('reading')
        got += chunk.length
      })
    }`
  const workerData = { port, request: get(path), count }
  const worker = new Worker(program, { eval: true, workerData, execArgv: [] })
  t.teardown(() => worker.terminate())
  return { begun: once(worker, 'message'), end: () => worker.terminate() }
}

t.test('20 lists of 300,000 files at once block neither the event loop nor an honest client', async t => {
  const { port, torrents, hash, served } = await serve(t)
  const files = Array.from({ length: 300_000 }, (_, n) => ({
    ...served.metainfo.files[0]!,
    path: `show/${n % 100}/${n}`,
  }))
  const large = { ...served, metainfo: { ...served.metainfo, files } }
  const wholeLists: number[] = []
  for (let n = 0; n < 3; n++)
    wholeLists.push(
      await timed(async () => {
        for (const _ of directoryListing(large, '', new Urls(ACCESS_TOKEN)));
      }),
    )
  const wholeList = fastest(wholeLists)
  for (const kind of ['json&', '']) {
    const round = async (count: number) => {
      // a new torrent each time, so that its tree is made again
      torrents.set(hash, { ...served, metainfo: { ...served.metainfo, files } })
      const { begun, end } = readers(t, port, `/${hash}/?${kind}token=${ACCESS_TOKEN}`, count)
      const histogram = monitorEventLoopDelay({ resolution: 1 })
      histogram.enable()
      if (count > 0) await begun
      const request = await timed(async () => {
        for (let n = 0; n < 20; n++) await ask(port, `/none?token=${ACCESS_TOKEN}`)
      })
      histogram.disable()
      await end()
      return { request, blocked: histogram.max }
    }
    const alone: Awaited<ReturnType<typeof round>>[] = []
    const attacked: typeof alone = []
    // noise of the machine only adds, so rounds are repeated until both runs were undisturbed once
    const request = () => fastest(attacked.map(got => got.request)) / fastest(alone.map(got => got.request))
    const blocked = () => fastest(attacked.map(got => got.blocked / 1e6)) / wholeList
    const enough = () => request() < 10 && blocked() < 0.5
    for (let n = 0; n < 2 || (n < 10 && !enough()); n++) {
      alone.push(await round(0))
      attacked.push(await round(20))
    }
    t.ok(request() < 10, `a request takes ${request().toFixed(1)} times as long as without the attack`)
    t.ok(
      blocked() < 0.5,
      `the loop is blocked for ${blocked().toFixed(2)} times as long as one list takes in one go`,
    )
  }
})

t.test(
  'requests without a token, as fast as they are answered, leave half of the rate to an honest client',
  async t => {
    const { port, path } = await serve(t)
    const flood = () => {
      const program = `
      const [port, request] = process.argv.slice(1)
      let ended = 0
      const open = () => {
        const socket = require('node:net').connect({ port, host: '127.0.0.1', localAddress: '127.0.0.2' })
        socket.on('error', () => {}).on('close', () => {
          if (++ended === 20) console.log('flooding')
          open()
        }).resume().write(request)
      }
      for (let n = 0; n < 8; n++) open()`
      const args = ['-e', program, String(port), get('/').repeat(50)]
      const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
      t.teardown(() => child.kill('SIGKILL'))
      return {
        begun: once(child.stdout, 'data'),
        end: async () => {
          const ended = once(child, 'close')
          child.kill('SIGKILL')
          await ended
        },
      }
    }
    const download = () =>
      cpuOf(async () => {
        const { body } = await ask(port, path('large'))
        if (body.length !== LARGE_BYTES) throw new Error('cut off')
      })
    const alone: number[] = []
    const attacked: number[] = []
    // noise of the machine only adds, so rounds are repeated until both runs were undisturbed once
    const enough = () => fastest(attacked) < 2 * fastest(alone)
    for (let round = 0; round < 3 || (round < 10 && !enough()); round++) {
      alone.push(await download())
      const { begun, end } = flood()
      await begun
      attacked.push(await download())
      await end()
    }
    t.ok(enough(), `${fastest(attacked)} ms of CPU, without the attack ${fastest(alone)} ms`)
  },
)
