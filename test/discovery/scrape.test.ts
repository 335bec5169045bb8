import t from 'tap'
import { encode } from '../../src/codec/bencode.ts'
import { HttpTracker } from '../../src/discovery/http-tracker.ts'
import { scrape } from '../../src/discovery/scrape.ts'
import { parseScrapeReply } from '../../src/discovery/scrape-reply.ts'
import { scrapeUrl } from '../../src/discovery/tracker-url.ts'
import { InputError } from '../../src/errors.ts'
import { scriptedTracker } from '../helpers/tracker.ts'
import { udpTracker } from '../helpers/udp-tracker.ts'
import { VirtualClock } from '../helpers/virtual-clock.ts'

const one = Buffer.alloc(20, 0x78)
const two = Buffer.from('2b760aa1207030405060708090a0b0c0d0e0f0ff', 'hex')
/** A body with keys of any bytes. */
const files = (...entries: [Buffer, Parameters<typeof encode>[0]][]) =>
  Buffer.concat([
    Buffer.from('d5:filesd'),
    ...entries.flatMap(([hash, value]) => [Buffer.from('20:'), hash, encode(value)]),
    Buffer.from('ee'),
  ])

t.test(
  'the scrape URL has `scrape` for `announce` in its path, and a URL without `announce` has none',
  async t => {
    const cases = [
      ['http://t.example/announce', 'http://t.example/scrape'],
      ['http://t.example/x/announce', 'http://t.example/x/scrape'],
      ['https://t.example/announce.php?passkey=announce', 'https://t.example/scrape.php?passkey=announce'],
      ['http://announce.example/announce/announce', 'http://announce.example/announce/scrape'],
      ['http://t.example/announce/0123', 'http://t.example/scrape/0123'],
      ['http://announce.example/a?/announce', undefined],
      ['http://t.example/xannounce', undefined],
      ['http://t.example/', undefined],
    ] as const
    for (const [from, to] of cases) t.equal(scrapeUrl(new URL(from))?.href, to, from)
    const error = new HttpTracker('http://t.example/x', { userAgent: 'x' }).scrape([one])
    await t.rejects(error, { code: 'ERR_TRACKER', message: /x: cannot be scraped: there is no "announce"/ })
  },
)

t.test(
  'the counts are of the requested torrents, and a missing torrent or number is unknown, not zero',
  async t => {
    const counts = { complete: 1, downloaded: 2, downloaders: 2, incomplete: 3 }
    const nul = Buffer.alloc(20)
    for (const hash of [one, two, nul, Buffer.from('\ufeff45678901234567890')]) {
      t.same(parseScrapeReply(files([hash, counts]), [hash]).counts, [counts], hash.toString('hex'))
    }
    t.same(parseScrapeReply(files([one, counts]), [two]).counts, [undefined], 'another one')
    t.same(parseScrapeReply(files([two, { complete: 4 }], [one, counts]), [one, two]).counts, [
      counts,
      { complete: 4 },
    ])
    t.same(parseScrapeReply(files([one, { complete: -1, incomplete: 'x', downloaded: 0 }]), [one]).counts, [
      { downloaded: 0 },
    ])
    for (const odd of [
      'de',
      'd5:filesi1ee',
      'd5:filesdee',
      'd5:filesd20:xxxxxxxxxxxxxxxxxxxxlee7:ignoredlee',
    ]) {
      t.same(parseScrapeReply(Buffer.from(odd), [one]).counts, [undefined], odd)
    }
    for (const key of ['failure reason', 'failure_reason']) {
      t.equal(parseScrapeReply(encode({ [key]: 'no\x1b[2J' }), [one]).failureReason, 'no [2J')
    }
    for (const bad of ['', 'le', '<html>', 'd5:files'])
      t.throws(() => parseScrapeReply(Buffer.from(bad), [one]), InputError)
  },
)

t.test('over HTTP the info-hash is repeated for several torrents; an existing query stays', async t => {
  const tracker = await scriptedTracker(t, { body: files([one, { complete: 1 }], [two, { complete: 2 }]) })
  const client = new HttpTracker(`${tracker.url}?passkey=p`, { userAgent: 'x' })
  t.same(await client.scrape([one, two]), [{ complete: 1 }, { complete: 2 }])
  t.equal(
    tracker.announces[0]?.target,
    `/scrape?passkey=p&info_hash=${'x'.repeat(20)}&info_hash=%2Bv%0A%A1%20p0%40P%60p%80%90%A0%B0%C0%D0%E0%F0%FF`,
  )
  await t.rejects(client.scrape([]), { code: 'ERR_USAGE' })
})

t.test('a failed scrape is reported like a failed announce', async t => {
  const tracker = await scriptedTracker(t, (_, n) =>
    n === 0 ? { body: { 'failure reason': 'no' } } : { status: 404, body: 'x' },
  )
  const client = new HttpTracker(tracker.url, { userAgent: 'x' })
  await t.rejects(client.scrape([one]), { code: 'ERR_TRACKER_FAILURE', message: /: no$/ })
  await t.rejects(client.scrape([one]), { code: 'ERR_TRACKER', message: /: HTTP 404$/ })
})

t.test(
  'all trackers of a torrent are scraped at once, and the results are in the order of the torrent',
  async t => {
    const http = await scriptedTracker(t, { body: files([one, { complete: 7 }]) })
    const unknown = await scriptedTracker(t, { body: 'de' })
    const udp = await udpTracker(t)
    const trackers = [['http://127.0.0.1:1/announce', unknown.url], [udp.url, 'ws://w.example/'], [http.url]]
    const results = await scrape({ infoHash: one, trackers })
    t.match(results, [
      { tracker: 'http://127.0.0.1:1/announce', error: { message: /connection refused$/ } },
      { tracker: unknown.url, error: { code: 'ERR_TRACKER', message: /does not know this torrent$/ } },
      { tracker: udp.url, complete: 1, downloaded: 2, incomplete: 3, error: undefined },
      { tracker: 'ws://w.example/', error: { code: 'ERR_TRACKER', message: /ws trackers/ } },
      { tracker: http.url, complete: 7, error: undefined },
    ])
    t.same(await scrape({ infoHash: one, trackers: [] }), [])
  },
)

t.test(
  'a scrape of all trackers ends at its timeout or when it is aborted, and leaves nothing open',
  async t => {
    const mute = await scriptedTracker(t, { hang: true })
    const silent = await udpTracker(t, () => [])
    const clock = new VirtualClock()
    const warnings: Error[] = []
    const warned = (warning: Error) => warnings.push(warning)
    process.on('warning', warned)
    t.teardown(() => process.off('warning', warned))
    const many = { infoHash: one, trackers: [Array.from({ length: 12 }, (_, n) => `${silent.url}/${n}`)] }
    const all = scrape(many, { clock, timeout: 5_000 })
    await silent.count(12)
    await clock.advance(5_000)
    t.equal((await all).filter(({ error }) => error).length, 12)
    t.same(warnings, [], 'Node has nothing to say of so many')
    silent.seen.length = 0
    const asked = { infoHash: one, trackers: [[mute.url, silent.url]] }
    const slow = scrape(asked, { clock, timeout: 5_000 })
    await Promise.all([mute.seen(1), silent.count(1)])
    await clock.advance(5_000)
    t.match(await slow, [
      { error: { message: /no answer within 5 s$/ } },
      { error: { message: /no answer within 5 s$/ } },
    ])
    const control = new AbortController()
    const left = scrape(asked, { clock, signal: control.signal })
    await Promise.all([mute.seen(2), silent.count(2)])
    control.abort()
    t.match(await left, [{ error: { message: /aborted$/ } }, { error: { message: /aborted$/ } }])
    await mute.idle()
    t.equal(clock.pending, 0)
  },
)
