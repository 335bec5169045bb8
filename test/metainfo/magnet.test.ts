import { createHash } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { InputError } from '../../src/errors.ts'
import { isMagnet, joined, metainfoOf, parseMagnet } from '../../src/metainfo/magnet.ts'
import { parse } from '../../src/metainfo/parse.ts'
import { torrentOf } from '../../src/metainfo/torrent.ts'
import { anyCharacter } from '../helpers/any-character.ts'
import { makeTorrent } from '../helpers/metainfo.ts'

const HEX_HASH = 'c12fe1c06bba254a9dc9f519b335aa7c1367a88a'
const BASE32_HASH = 'YEX6DQDLXISUVHOJ6UM3GNNKPQJWPKEK'
const V2_HASH = 'ab'.repeat(32)
const link = (rest = '') => `magnet:?xt=urn:btih:${HEX_HASH}${rest}`

t.test('an info-hash is parsed in hex or base32, in either case, alone or in a link', async t => {
  for (const source of [
    HEX_HASH,
    HEX_HASH.toUpperCase(),
    link(),
    `MAGNET:?xt=URN:BTIH:${HEX_HASH.toUpperCase()}`,
    `magnet:?xt=urn:btih:${BASE32_HASH}`,
    `magnet:?xt=urn:btih:${BASE32_HASH.toLowerCase()}`,
    `magnet:?xt.1=urn:btih:${HEX_HASH}`,
    ` ${HEX_HASH}\n`,
    `\t ${link()} \r\n`,
    `magnet:?dn=x&amp;xt=urn:btih:${HEX_HASH}`,
    `magnet:?xt=urn:sha1:${BASE32_HASH}&xt=urn:btih:${HEX_HASH}&xt=urn:btih:${BASE32_HASH}`,
  ])
    t.equal(parseMagnet(source).infoHash?.toString('hex'), HEX_HASH, source)
})

t.test('a v2 info-hash is parsed, alone or with a v1 info-hash', async t => {
  for (const source of [V2_HASH, `magnet:?xt=urn:btmh:1220${V2_HASH}`]) {
    const { infoHash, infoHashV2 } = parseMagnet(source)
    t.equal(infoHashV2?.toString('hex'), V2_HASH)
    t.equal(infoHash, undefined)
  }
  const hybrid = parseMagnet(link(`&xt=urn:btmh:1220${V2_HASH}`))
  t.equal(hybrid.infoHash?.toString('hex'), HEX_HASH)
  t.equal(hybrid.infoHashV2?.toString('hex'), V2_HASH)
})

t.test('every parameter of a link is parsed', async t => {
  const tracker = encodeURIComponent('http://tracker.example/announce?key=a&b')
  const magnet = parseMagnet(
    link(
      `&dn=a+name%20here&tr=${tracker}&tr.2=udp%3A%2F%2Ft.example%3A80&tr=${tracker}&ws=https%3A%2F%2Fw.example%2F` +
        '&x.pe=127.0.0.1:6881&x.pe=[::1]:7&x.pe=host.example:8&xs=http://x.example/a.torrent&as=https://y.example/b' +
        '&xs=urn:btih:nothing&so=0,2,4,6-8',
    ),
  )
  t.match(magnet, {
    name: 'a name here',
    trackers: [['http://tracker.example/announce?key=a&b'], ['udp://t.example:80']],
    webSeeds: ['https://w.example/'],
    peers: [
      { host: '127.0.0.1', port: 6881 },
      { host: '::1', port: 7 },
      { host: 'host.example', port: 8 },
    ],
    sources: ['http://x.example/a.torrent', 'https://y.example/b'],
    selectOnly: [0, 2, 4, 6, 7, 8],
    warnings: [],
  })
})

t.test('an invalid value that is not essential is ignored with a warning', async t => {
  const magnet = parseMagnet(
    link('&tr=javascript:x&tr=http://&tr=udp://x.example&ws=ftp://x.example&x.pe=nowhere'),
  )
  t.strictSame([magnet.trackers, magnet.webSeeds, magnet.peers], [[], [], []])
  t.equal(magnet.warnings.length, 5)
  t.match(
    magnet.warnings.join('\n'),
    /tr: "javascript:x" has a scheme other than .*\n.*x\.pe: .*"nowhere", ignored/s,
  )
})

t.test('an invalid link is rejected with a message that names the value', async t => {
  for (const [source, message] of [
    ['magnet:', /without an info-hash.*no xt/],
    ['magnet:?dn=x', /no xt/],
    ['magnet:?dn='.padEnd(40, 'a'), /no xt/],
    ['magnet:?xt=urn:sha1:abc', /got xt="urn:sha1:abc"/],
    ['magnet:?xt=urn:btih:', /expected 40 hex digits or 32 of base32, got ""/],
    [`magnet:?xt=urn:btih:${HEX_HASH}0`, /got "c12fe1/],
    [`magnet:?xt=urn:btih:${BASE32_HASH.replace('Y', '1')}`, /got "1EX6/],
    [`magnet:?xt=urn:btmh:1320${V2_HASH}`, /expected 1220/],
    [link(`&xt=urn:btih:${'0'.repeat(40)}`), /two torrents/],
    [link('&so=a'), /so: .* got "a"/],
    [link('&so='), /so: .* got ""/],
    [link('&so=3-1'), /"3-1"/],
    [link('&so=0-499999999'), /499999999/],
    [link('&so=99999999999999999999'), /"99999999999999999999"/],
    [link(`&dn=${'x'.repeat(300_000)}`), /\d+ characters/],
  ] as const)
    t.throws(
      () => parseMagnet(source),
      { name: 'InputError', code: 'ERR_USAGE', message },
      source.slice(0, 60),
    )
})

t.test('a thousand overlapping ranges are merged', async t => {
  const ranges = Array.from({ length: 20_000 }, () => '0-99999').join(',')
  t.equal(parseMagnet(link(`&so=${ranges}`)).selectOnly?.length, 100_000)
})

t.test('a file or URL is not a magnet link', async t => {
  for (const source of [
    'x.torrent',
    'http://x/magnet:',
    '-',
    HEX_HASH.slice(1),
    `${HEX_HASH}a`,
    './magnet:x',
  ])
    t.notOk(isMagnet(source), source)
})

/** Encodes a value for a link. A lone surrogate, which cannot be encoded, is unchanged. */
function escaped(value: string): string {
  try {
    return encodeURIComponent(value)
  } catch {
    return value
  }
}

t.test('a random link is parsed or rejected with InputError', async () => {
  const keys = [
    'xt',
    'dn',
    'tr',
    'ws',
    'x.pe',
    'xs',
    'as',
    'so',
    'tr.1',
    'amp;so',
    '__proto__',
    'constructor',
  ]
  const values = fc.oneof(
    fc.string({ unit: anyCharacter }),
    fc.webUrl(),
    fc.constantFrom(
      `urn:btih:${HEX_HASH}`,
      `urn:btmh:1220${V2_HASH}`,
      '0-5',
      '1.2.3.4:5',
      '%',
      '%zz',
      '%00',
      '[::1]:1',
    ),
  )
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.constantFrom(...keys), values, fc.boolean())), pairs => {
      const text = pairs.map(([key, value, raw]) => `${key}=${raw ? value : escaped(value)}`)
      try {
        const magnet = parseMagnet(`magnet:?${text.join('&')}`)
        return magnet.infoHash?.length === 20 || magnet.infoHashV2?.length === 32
      } catch (error) {
        return error instanceof InputError && !/[\n\r]/.test(error.message)
      }
    }),
  )
})

t.test('metadata and a link give a torrent that is written with the same info-hash', async t => {
  const made = makeTorrent({ files: [{ path: 'a', length: 20_000 }] })
  const magnet = parseMagnet(link('&tr=http://t.example/&tr=udp://u.example:1/&ws=http://w.example/'))
  const metainfo = await metainfoOf(made.info, magnet)
  t.strictSame(metainfo.infoHash, createHash('sha1').update(made.info).digest())
  t.strictSame(metainfo.info, made.info)
  const nodes = [{ host: '1.2.3.4', port: 5 }]
  const httpSeeds = ['http://h.example/seed']
  const whole = { ...metainfo, nodes, httpSeeds, comment: 'c', createdBy: 'me', creationDate: 7 }
  t.strictSame(parse(torrentOf(whole)), whole)
  t.strictSame(
    parse(torrentOf(made.metainfo)).infoHash,
    made.metainfo.infoHash,
    'also without anything around it',
  )
  const twice = joined(whole, magnet)
  t.strictSame([twice.trackers, twice.webSeeds], [metainfo.trackers, metainfo.webSeeds], 'each URL once')
})
