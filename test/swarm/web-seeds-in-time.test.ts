/** Web seeds in virtual time, without sockets. The script decides when each answer comes. */
import t, { type Test } from 'tap'
import type { HttpOpen, HttpOpenOptions, HttpResponse } from '../../src/ports/http-client.ts'
import { cut, generator, randomCuts } from '../helpers/feed.ts'
import { type MadeTorrent, makeTorrent } from '../helpers/metainfo.ts'
import { advanceUntilMet, type BlockRun, run } from '../helpers/swarm.ts'
import { VirtualClock } from '../helpers/virtual-clock.ts'

const made = makeTorrent({ files: [{ path: 'file', length: 20 * 65536 + 77 }], pieceLength: 65536 })
const { content, metainfo } = made

interface Asked {
  readonly url: URL
  readonly at: number
  readonly signal: AbortSignal
  /** The requested range. */
  readonly bytes: Buffer
  /** Returns the correct answer. */
  readonly right: HttpResponse
}

type Site = (asked: Asked, n: number) => HttpResponse | Promise<HttpResponse>

/** Creates a clock, a record of the requests to each host, and the function that sends them. */
function web(sites: Record<string, Site>) {
  const clock = new VirtualClock()
  const asked: Record<string, Asked[]> = {}
  const http: HttpOpen = async (url, { headers, signal }: HttpOpenOptions) => {
    const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(headers.Range ?? '') ?? []
    const bytes = content.subarray(Number(first), Number(last) + 1)
    const replyHeaders = { 'content-range': `bytes ${first}-${last}/${content.length}` }
    const those = (asked[url.hostname] ??= [])
    those.push({
      url,
      at: clock.now(),
      signal,
      bytes,
      right: reply(
        206,
        replyHeaders,
        cut(bytes, () => 10_000),
      ),
    })
    return sites[url.hostname]!(those.at(-1)!, those.length - 1)
  }
  return { clock, asked, http }
}

function reply(
  status: number,
  headers: HttpResponse['headers'] = {},
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array> = [],
): HttpResponse {
  const body = (async function* () {
    yield* chunks
  })()
  return { status, headers, body: Object.assign(body, { destroy() {} }) }
}

/** Returns an answer that never comes, and rejects when it is aborted. */
const never = (signal: AbortSignal) =>
  new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(new Error('given up'))))

/** Starts a download from only these hosts to memfs. */
function start(t: Test, sites: Record<string, Site>, options: object = {}, from: MadeTorrent = made) {
  const net = web(sites)
  const webSeeds = Object.keys(sites).map(host => `http://${host}/file`)
  const torrent = { ...from, metainfo: { ...from.metainfo, webSeeds } }
  return { ...net, ...run(t, torrent, { clock: net.clock, http: net.http, ...options }) }
}

t.test('a web seed that stalls returns its blocks to others', async t => {
  const run = start(t, {
    'a.example': ({ signal, right }, n) => (n < 4 ? never(signal) : right),
    'b.example': ({ right }, n) => (n < 20 ? right : reply(404)),
  })
  await advanceUntilMet(run, 12)
  t.ok(run.torrent.complete)
  t.same(await run.file('file'), content)
})

t.test('a web seed that stalls alone is given up with a warning, and asked again', async t => {
  const run = start(t, { 'a.example': ({ signal, right }, n) => (n < 2 ? never(signal) : right) })
  await advanceUntilMet(run, 30)
  t.equal(run.asked['a.example']![0]!.signal.aborted, false)
  t.same(run.warnings, [])
  await advanceUntilMet(run, 20, () => run.warnings.length > 0)
  t.same(run.warnings, ['web seed http://a.example/file: nothing came within 40 s'])
  t.ok(run.asked['a.example']![0]!.signal.aborted)
  t.match(run.torrent.reason, /the only web seed cannot be used \(web seed .*nothing came/)
  await advanceUntilMet(run, 100)
  t.ok(run.torrent.complete)
})

t.test('single bytes are no progress: the web seed is given up', async t => {
  const run: BlockRun & { clock: VirtualClock } = start(t, {
    'a.example': ({ signal, right: { headers } }) => {
      async function* drip() {
        for (; !signal.aborted; ) {
          yield content.subarray(0, 1)
          await new Promise<void>(resolve => run.clock.setTimeout(resolve, 1000))
        }
        throw new Error('given up')
      }
      return reply(206, headers, drip())
    },
  })
  await advanceUntilMet(run, 60, () => run.warnings.length > 0)
  t.same(run.warnings, ['web seed http://a.example/file: nothing came within 40 s'])
})

t.test('a web seed says what it does: it rests after a failure, and then sends', async t => {
  const answers = [reply(503, { 'retry-after': '20' })]
  const run = start(t, { 'a.example': ({ right }, n) => answers[n] ?? right })
  const states = () => run.torrent.details.webSeeds.map(({ state }) => state)
  await advanceUntilMet(run, 10, () => states()[0] === 'resting')
  const [resting] = run.torrent.details.webSeeds
  t.match(resting, { name: 'http://a.example/file', downloaded: 0, failure: /HTTP 503$/ })
  t.ok(resting!.nextIn! > 15_000 && resting!.nextIn! <= 20_000)
  await advanceUntilMet(run, 60, () => states()[0] === 'active')
  const [active] = run.torrent.details.webSeeds
  t.notOk('failure' in active! || 'nextIn' in active!)
})

t.test('a busy server rests for the time that it names', async t => {
  const date = { date: 'Mon, 01 Jan 2024 00:00:00 GMT' }
  const answers = [
    reply(503, { 'retry-after': '20' }),
    reply(429, { ...date, 'retry-after': 'Mon, 01 Jan 2024 00:01:00 GMT' }),
    reply(500),
    reply(500),
  ]
  const run = start(t, { 'a.example': ({ right }, n) => answers[n] ?? right })
  await advanceUntilMet(run, 300)
  t.ok(run.torrent.complete)
  const at = run.asked['a.example']!.map(({ at }) => at / 1000)
  const waits = at.slice(1, 5).map((time, n) => Math.round(time - at[n]!))
  t.same(waits, [20, 60, 5, 10], 'as it says; else five seconds, doubled with each failure')
  t.same(
    run.warnings.map(text => text.slice(-8)),
    ['HTTP 503', 'HTTP 429', 'HTTP 500'],
    'each complaint once in a row',
  )
})

t.test('bytes of web seeds count towards the limit', async t => {
  const run = start(t, { 'a.example': ({ right }) => right }, { down: 100_000 })
  await advanceUntilMet(run, 5)
  const { downloaded } = run.torrent.progress
  t.ok(downloaded > 400_000 && downloaded < 1_000_000, `${downloaded}`)
  await advanceUntilMet(run, 60)
  t.ok(run.torrent.complete)
  t.same(run.warnings, [])
})

t.test('of many web seeds eight are used at once, and the next when one is useless', async t => {
  const sites: Record<string, Site> = {}
  for (let n = 0; n < 20; n++) sites[`h${n}.example`] = ({ signal }) => never(signal)
  for (let n = 0; n < 3; n++) sites[`h${n}.example`] = () => reply(404)
  const run = start(t, sites)
  await advanceUntilMet(run, 1)
  t.equal(Object.keys(run.asked).length, 11)
  t.equal(run.warnings.length, 3)
})

t.test('blocks that another source brought first are not waited for', async t => {
  const signals: AbortSignal[] = []
  const run = start(t, {
    'a.example': ({ signal }) => {
      signals.push(signal)
      return never(signal)
    },
    'b.example': ({ right }) => right,
  })
  await advanceUntilMet(run, 15)
  t.ok(run.torrent.complete)
  t.ok(signals.length > 0)
  t.ok(signals.every(({ aborted }) => aborted))
  t.same(run.warnings, [])
})

t.test('whatever two servers do at random, the result is right', async t => {
  for (const seed of [1, 2, 3, 4, 5, 6]) {
    const chance = generator(seed)
    const site: Site = ({ signal, right, bytes }) => {
      const { headers } = right
      const roll = chance()
      if (roll < 0.1) return never(signal)
      if (roll < 0.2) return reply(500)
      if (roll < 0.3) return Promise.reject(new Error('reset'))
      if (roll < 0.5) return reply(206, headers, randomCuts(bytes.subarray(0, chance() * bytes.length), seed))
      if (roll < 0.53) return reply(206, headers, [Buffer.alloc(bytes.length)])
      return reply(206, headers, randomCuts(bytes, seed))
    }
    const run = start(t, { 'a.example': site, 'b.example': site, 'c.example': site })
    await advanceUntilMet(
      run,
      2000,
      () => run.torrent.complete || /banned.*banned.*banned/.test(run.warnings.join()),
    )
    if (run.torrent.complete) t.same(await run.file('file'), content, `SEED=${seed}`)
    else t.match(run.warnings.filter(text => text.includes('banned')).length, 3, `SEED=${seed}`)
    await run.torrent.close()
    t.equal(run.clock.pending, 0, 'no timer is left')
  }
})

t.test('a server that lacks all of many files is not asked for each', async t => {
  const files = Array.from({ length: 60 }, (_, index) => ({ path: `d/${index}`, length: 16384 }))
  const many = makeTorrent({ name: 'd', pieceLength: 16384, files })
  const run = start(t, { 'a.example': () => reply(404) }, {}, many)
  await advanceUntilMet(run, 60)
  t.equal(run.warnings.length, 11)
  t.ok(run.warnings.slice(0, 10).every(text => /HTTP 404, for "d\/\d+"$/.test(text)))
  t.equal(run.warnings[10], 'web seed http://a.example/file: 10 files in a row cannot be had')
  t.ok(run.asked['a.example']!.length < 20)
  t.match(run.torrent.reason, /the only web seed cannot be used/)
})

t.test('a script (BEP 17) is asked for pieces or ranges of them, and names when to retry', async t => {
  const targets: string[] = []
  const script: Site = ({ url }, n) => {
    targets.push(url.search)
    if (n === 0) return reply(503, {}, [Buffer.from('30')])
    const piece = Number(url.searchParams.get('piece'))
    const [first, last] = url.searchParams.get('ranges')?.split('-').map(Number) ?? [0, 65535]
    const start = piece * 65536
    const end = Math.min(start + 65536, start + last! + 1)
    return reply(200, {}, [content.subarray(start + first!, end)])
  }
  const net = web({ 's.example': script })
  const torrent = { ...made, metainfo: { ...metainfo, httpSeeds: ['http://s.example/seed.php'] } }
  const running = { ...net, ...run(t, torrent, { clock: net.clock, http: net.http }) }
  await advanceUntilMet(running, 29)
  t.equal(targets.length, 1)
  await advanceUntilMet(running, 60)
  t.ok(running.torrent.complete)
  t.same(await running.file('file'), content)
  const hash = [...metainfo.infoHash].map(byte => byte.toString(16).toUpperCase().padStart(2, '0'))
  t.equal(decodeLatin(targets[1]!.replace(/^\?info_hash=([^&]*)&.*/, '$1')), hash.join(''))
  t.ok(targets.every(target => /^\?info_hash=[^&]+&piece=\d+(&ranges=\d+-\d+)?$/.test(target)))
  t.ok(
    targets.some(target => !target.includes('ranges')),
    'whole pieces need none',
  )
})

/** Percent-encoded bytes in hex. */
function decodeLatin(text: string): string {
  return text.replace(/%(..)|(.)/g, (_, hex, char) => hex ?? Buffer.from(char).toString('hex').toUpperCase())
}
