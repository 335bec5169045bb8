/** Web seeds with faults, each as the only source, in virtual time. */
import t, { type Test } from 'tap'
import { stream } from '../../src/pipeline/stream.ts'
import type { HttpOpen, HttpResponse } from '../../src/ports/http-client.ts'
import { cut, generator } from '../helpers/feed.ts'
import { type MadeTorrent, makeTorrent } from '../helpers/metainfo.ts'
import {
  advanceUntilMet,
  type BlockRun,
  leavesNothing,
  memoryDisk,
  OFFLINE_OPTIONS,
  run,
} from '../helpers/swarm.ts'
import { VirtualClock } from '../helpers/virtual-clock.ts'
import { webServer } from '../helpers/web-server.ts'

const PIECE_LENGTH = 65536
/** Longer than the maximum of bytes that are read and discarded. */
const long = makeTorrent({
  files: [{ path: 'long', length: 12 * 1024 * 1024 + 77 }],
  pieceLength: PIECE_LENGTH,
})

interface Asked {
  readonly url: URL
  readonly at: number
  readonly first: number
  readonly last: number
  readonly signal: AbortSignal
  /** Sends the whole file. */
  readonly file: Buffer
  /** Sends the requested range. */
  readonly right: () => HttpResponse
}

type Site = (asked: Asked, n: number) => HttpResponse

/** The requests, and the number of sent bytes. */
interface Web {
  readonly clock: VirtualClock
  readonly asked: Asked[]
  sent: number
}

/** Starts a download from only `site`, with the files below `http://web.example/`. */
function start(t: Test, made: MadeTorrent, site: Site, options: object = {}): Web & BlockRun {
  const web: Web = { clock: new VirtualClock(), asked: [], sent: 0 }
  const http: HttpOpen = async (url, { headers, signal }) => {
    const path = decodeURIComponent(url.pathname.slice(1))
    const { offset, length } = made.metainfo.files.find(file => file.path === path)!
    const file = made.content.subarray(offset, offset + length)
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(headers.Range!)!
    const [first, last] = [Number(from), Number(to)]
    const right = () => partial(file, first, last)
    web.asked.push({ url, at: web.clock.now(), first, last, signal, file, right })
    const { body, ...reply } = site(web.asked.at(-1)!, web.asked.length - 1)
    const counted = (async function* () {
      for await (const chunk of body) {
        web.sent += chunk.length
        yield chunk
      }
    })()
    return { ...reply, body: Object.assign(counted, { destroy() {} }) }
  }
  const torrent = { ...made, metainfo: { ...made.metainfo, webSeeds: ['http://web.example/'] } }
  return Object.assign(web, run(t, torrent, { clock: web.clock, http, ...options }))
}

function reply(status: number, headers: HttpResponse['headers'] = {}, bytes: Uint8Array = Buffer.alloc(0)) {
  const body = (async function* () {
    yield* cut(bytes, () => 50_000)
  })()
  return { status, headers, body: Object.assign(body, { destroy() {} }) }
}

/** Returns 206 with these bytes of a file. */
function partial(file: Buffer, first: number, last: number): HttpResponse {
  const headers = { 'content-range': `bytes ${first}-${last}/${file.length}` }
  return reply(206, headers, file.subarray(first, last + 1))
}

/** Returns 200 with the whole file. */
const whole: Site = ({ file }) => reply(200, { 'content-length': String(file.length) }, file)

/** Compares bytes without printing millions of them. */
function equal(t: Test, got: Buffer | undefined, wanted: Buffer, what = 'the right bytes') {
  t.ok(got?.equals(wanted), what)
}

t.test('a short answer counts, and the rest is requested', async t => {
  for (const maxLength of [1000, 16_384, 100_000]) {
    const made = makeTorrent({
      files: [{ path: 'f', length: 9 * PIECE_LENGTH + 5 }],
      pieceLength: PIECE_LENGTH,
    })
    const site: Site = ({ file, first, last }) => partial(file, first, Math.min(last, first + maxLength - 1))
    const run = start(t, made, site)
    await advanceUntilMet(run, 60)
    equal(t, await run.file('f'), made.content, `${maxLength} at a time`)
    t.equal(run.sent, made.content.length, 'no byte was sent twice')
    t.same(run.warnings, [])
  }
})

t.test('an answer that is cut off counts as far as it came', async t => {
  const site: Site = ({ file, first, last }) => {
    const { body, ...head } = partial(file, first, Math.min(last, first + 99_999))
    return { ...head, headers: { 'content-range': `bytes ${first}-${last}/${file.length}` }, body }
  }
  const run = start(t, long, site)
  await advanceUntilMet(run, 60)
  equal(t, await run.file('long'), long.content)
  t.ok(run.sent < 1.2 * long.content.length, `${run.sent}`)
  t.same(run.warnings, [])
})

t.test('a server without ranges is read in one GET, whatever the order of pieces', async t => {
  for (const seed of [1, 2, 3]) {
    const run = start(t, long, whole, { random: generator(seed) })
    await advanceUntilMet(run, 60)
    equal(t, await run.file('long'), long.content, `SEED=${seed}`)
    t.equal(run.asked.length, 1, `SEED=${seed}`)
    t.ok(run.sent <= long.content.length, `${run.sent} bytes`)
    t.same(run.warnings, [])
  }
})

t.test('a real server that is read in order gets one plain GET', async t => {
  leavesNothing(t)
  const server = await webServer(t, long, (_, response) => response.end(long.content))
  const { metainfo } = { metainfo: { ...long.metainfo, webSeeds: [`${server.origin}/`] } }
  const chunks: Uint8Array[] = []
  for await (const chunk of stream(metainfo, { ...OFFLINE_OPTIONS, memory: 2 << 20 })) chunks.push(chunk)
  equal(t, Buffer.concat(chunks), long.content)
  t.equal(server.requests.length, 1)
})

t.test('bytes that we have are skipped in the answer of a server without ranges', async t => {
  const disk = memoryDisk()
  const stored = Buffer.from(long.content)
  stored.fill(0, 8 << 20)
  await disk.writeFile('/home/long', stored)
  const run = start(t, long, whole, { disk })
  await advanceUntilMet(run, 120)
  equal(t, await run.file('long'), long.content)
  t.ok(run.asked.length <= 2)
  t.same(run.warnings, [])
})

t.test('several long files of a server without ranges cost one GET each', async t => {
  const files = ['a', 'b', 'c'].map((name, n) => ({ path: `d/${name}`, length: (6 << 20) + n * 1000 }))
  const made = makeTorrent({ name: 'd', pieceLength: PIECE_LENGTH, files })
  const run = start(t, made, whole)
  await advanceUntilMet(run, 60)
  for (const { path, offset, length } of made.metainfo.files)
    equal(t, await run.file(path), made.content.subarray(offset, offset + length))
  t.ok(run.asked.length <= 5, `${run.asked.length}`)
  t.ok(run.sent < 1.3 * made.content.length, `${run.sent}`)
  t.same(run.warnings, [])
})

t.test('a wrong piece from a server without ranges is read again', async t => {
  const bad = Buffer.from(long.content)
  bad[100 * PIECE_LENGTH]! ^= 1
  const run = start(t, long, ({ file }, n) => reply(200, {}, n === 0 ? bad : file))
  await advanceUntilMet(run, 300)
  equal(t, await run.file('long'), long.content)
  t.ok(run.sent <= 2 * long.content.length, `${run.sent}`)
})

t.test('a server without ranges that always cuts off costs a bounded number of bytes an hour', async t => {
  const run = start(t, long, ({ file }) => reply(200, {}, file.subarray(0, 9 << 20)))
  await advanceUntilMet(run, 3600)
  t.notOk(run.torrent.complete)
  t.match(
    run.warnings.join(),
    /ignores ranges, and too much would have to be read again, for "long"|ended \d+ bytes early/,
  )
  t.ok(run.sent < 25 * long.content.length, `${run.sent / long.content.length}`)
  t.ok(run.asked.at(-1)!.at > 1_000_000, 'it is still asked now and then')
})

t.test('a server without ranges serves a reader that seeks back', async t => {
  const server = await webServer(t, long, (_, response) => response.end(long.content))
  const { torrent } = run(t, { ...long, metainfo: { ...long.metainfo, webSeeds: [`${server.origin}/`] } })
  const read = async (start: number) => {
    const chunks: Uint8Array[] = []
    for await (const chunk of torrent.files[0]!.stream({ start, end: start + 100_000 })) chunks.push(chunk)
    return Buffer.concat(chunks)
  }
  for (const at of [11 << 20, 100, 6 << 20]) equal(t, await read(at), long.content.subarray(at, at + 100_000))
  t.ok(server.requests.length <= 4, `${server.requests.length}`)
})

for (const status of [400, 401, 403, 404, 410, 416]) {
  t.test(`HTTP ${status} is not final: the file is named, and requested again later`, async t => {
    const run = start(t, long, ({ right }, n) => (n < 1 ? reply(status) : right()))
    await advanceUntilMet(run, 1, () => run.warnings.length > 0)
    t.same(run.warnings, [`web seed http://web.example/: HTTP ${status}, for "long"`])
    t.match(run.torrent.reason, /the only web seed cannot be used/)
    await advanceUntilMet(run, 55)
    t.equal(run.asked.length, 1, 'not at once')
    await advanceUntilMet(run, 30)
    equal(t, await run.file('long'), long.content)
    t.equal(run.torrent.progress.webSeeds, 1)
  })
}

t.test('a missing file rests alone, for longer each time, until it exists', async t => {
  const files = ['a', 'b', 'c'].map(name => ({ path: `d/${name}`, length: 4 * PIECE_LENGTH }))
  const made = makeTorrent({ name: 'd', pieceLength: PIECE_LENGTH, files })
  const run = start(t, made, ({ url, right }) => {
    const missing = url.pathname === '/d/b' && run.clock.now() < 500_000
    return missing ? reply(404) : right()
  })
  await advanceUntilMet(run, 30)
  equal(t, await run.file('d/a'), made.content.subarray(0, 4 * PIECE_LENGTH))
  equal(t, await run.file('d/c'), made.content.subarray(8 * PIECE_LENGTH))
  t.equal(run.torrent.progress.webSeeds, 1, 'the web seed is not blamed')
  t.same(run.warnings, ['web seed http://web.example/: HTTP 404, for "d/b"'])
  await advanceUntilMet(run, 1200)
  equal(t, await run.file('d/b'), made.content.subarray(4 * PIECE_LENGTH, 8 * PIECE_LENGTH))
  const at = run.asked.filter(({ url }) => url.pathname === '/d/b').map(({ at }) => Math.round(at / 60_000))
  t.same(at.slice(0, 5), [0, 1, 3, 7, 15], 'minutes: it waits 1, 2, 4, 8')
})

t.test('wrong bytes exclude a web seed for hours, not for the rest of the run', async t => {
  const made = makeTorrent({ files: [{ path: 'f', length: 9 * PIECE_LENGTH }], pieceLength: PIECE_LENGTH })
  const run = start(t, made, ({ file, first, last, right, at }) =>
    at < 1000 ? partial(Buffer.alloc(file.length), first, last) : right(),
  )
  await advanceUntilMet(run, 3500)
  t.match(run.warnings.at(-1), /banned for wrong bytes/)
  t.equal(run.torrent.progress.webSeeds, 0)
  const { length } = run.asked
  await advanceUntilMet(run, 200, () => run.asked.length > length)
  t.ok(run.asked.length > length, 'asked again after an hour')
  await advanceUntilMet(run, 8 * 3600)
  equal(t, await run.file('f'), made.content)
})

t.test('the target of a redirect is remembered for ten minutes', async t => {
  const run = start(
    t,
    long,
    ({ url, right }) =>
      url.hostname === 'web.example'
        ? reply(301, { location: `http://new.example${url.pathname}` })
        : right(),
    { down: 10_000 },
  )
  await advanceUntilMet(run, 1300)
  t.ok(run.torrent.complete)
  const minutes = run.asked
    .filter(({ url }) => url.hostname === 'web.example')
    .map(({ at }) => Math.floor(at / 60_000))
  t.ok(run.asked.length > 20)
  t.ok(minutes.length >= 2 && minutes.length <= 4, `${minutes}`)
})
