/** The parsing of requests: ranges, conditions, access, routes. */
import fc from 'fast-check'
import t from 'tap'
import { parseHttpAddress } from '../../src/cli/http-address.ts'
import { AccessPolicy, isLoopback } from '../../src/server/access-policy.ts'
import { conditionOf, rangeApplies } from '../../src/server/conditions.ts'
import { contentTypeOf } from '../../src/server/content-type.ts'
import { LoopTurns } from '../../src/server/loop-turns.ts'
import { rangesOf } from '../../src/server/ranges.ts'
import { routeOf } from '../../src/server/route.ts'
import { parseTarget, Urls } from '../../src/server/urls.ts'
import { anyCharacter } from '../helpers/any-character.ts'
import { makeTorrent } from '../helpers/metainfo.ts'

t.test('ranges are parsed as in RFC 9110', async t => {
  const rows: [string | undefined, number, string][] = [
    [undefined, 10, 'all'],
    ['bytes=0-0', 10, '0-1'],
    ['bytes=0-', 10, '0-10'],
    ['bytes=3-5', 10, '3-6'],
    ['bytes=9-9', 10, '9-10'],
    ['bytes=3-500', 10, '3-10'],
    ['bytes=-3', 10, '7-10'],
    ['bytes=-500', 10, '0-10'], // longer than the file: all of it
    ['BYTES = 1-2', 10, '1-3'],
    ['bytes= 1-2 ', 10, '1-3'],
    ['bytes=1-2,', 10, '1-3'],
    ['bytes=10-', 10, 'none'],
    ['bytes=10-20', 10, 'none'],
    ['bytes=-0', 10, 'none'],
    ['bytes=0-', 0, 'none'],
    ['bytes=-1', 0, 'none'],
    ['bytes=99999999999999999999-', 10, 'none'],
    ['bytes=0-99999999999999999999', 10, '0-10'],
    ['bytes=-99999999999999999999', 10, '0-10'],
    ['bytes=5-3', 10, 'all'], // malformed: as if there were none
    ['bytes=', 10, 'all'],
    ['bytes=-', 10, 'all'],
    ['bytes=,', 10, 'all'],
    ['bytes=a-b', 10, 'all'],
    ['bytes=0x1-2', 10, 'all'],
    ['bytes=1-2-3', 10, 'all'],
    ['bytes=+1-2', 10, 'all'],
    ['bytes 1-2', 10, 'all'],
    ['pieces=0-1', 10, 'all'],
    ['bytes=0-1,x', 10, 'all'],
    ['bytes=0-1,5-6', 10, '0-2 5-7'],
    ['bytes=5-6,0-1', 10, '5-7 0-2'],
    ['bytes=0-1,2-3', 10, '0-4'],
    ['bytes=0-4,2-3', 10, '0-5'],
    ['bytes=0-0,-1', 10, '0-1 9-10'],
    ['bytes=0-1,50-60', 10, '0-2'],
    [`bytes=${Array.from({ length: 16 }, (_, n) => `${2 * n}-${2 * n}`)}`, 100, [...odd(16)].join(' ')],
    [`bytes=${Array.from({ length: 17 }, (_, n) => `${2 * n}-${2 * n}`)}`, 100, 'all'],
    [`bytes=${Array.from({ length: 3000 }, () => '0-')}`, 100, '0-100'],
  ]
  for (const [header, length, expected] of rows) {
    const ranges = rangesOf(header, length)
    const got =
      typeof ranges === 'string' ? ranges : ranges.map(({ start, end }) => `${start}-${end}`).join(' ')
    t.equal(got, expected, `${header?.slice(0, 60)}`)
  }
})

function* odd(count: number) {
  for (let n = 0; n < count; n++) yield `${2 * n}-${2 * n + 1}`
}

t.test(
  'for any header, ranges lie in the file, do not overlap, and contain the requested bytes',
  async () => {
    const range = fc.tuple(fc.option(fc.nat(60)), fc.option(fc.nat(60)))
    fc.assert(
      fc.property(fc.array(range, { minLength: 1, maxLength: 16 }), fc.nat(50), (specs, length) => {
        const ranges = rangesOf(`bytes=${specs.map(([a, b]) => `${a ?? ''}-${b ?? ''}`)}`, length)
        const valid = specs.every(([a, b]) => (a === null ? b !== null : b === null || a <= b))
        const all = Array.from({ length }, (_, at) => at)
        const asked = all.filter(at =>
          specs.some(([a, b]) => (a === null ? at >= length - b! : at >= a && (b === null || at <= b))),
        )
        if (!valid) return ranges === 'all'
        if (typeof ranges === 'string') return ranges === 'none' && asked.length === 0
        const got = ranges.flatMap(({ start, end }) => all.slice(start, end))
        return String(got.sort((a, b) => a - b)) === String(asked)
      }),
      { numRuns: 500 },
    )
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom(...'0123456789-,= bytesx') }),
        fc.nat(99),
        (text, length) => {
          const ranges = rangesOf(text, length)
          return typeof ranges === 'string' || ranges.every(({ start, end }) => 0 <= start && start < end)
        },
      ),
      { numRuns: 500 },
    )
  },
)

t.test('conditions are evaluated in the order of RFC 9110, and dates are ignored', async t => {
  const rows: [Record<string, string>, number | undefined][] = [
    [{}, undefined],
    [{ 'if-none-match': '"a"' }, 304],
    [{ 'if-none-match': 'W/"a"' }, 304],
    [{ 'if-none-match': '"x, y", W/"b" ,"a"' }, 304],
    [{ 'if-none-match': '*' }, 304],
    [{ 'if-none-match': '"b"' }, undefined],
    [{ 'if-none-match': 'a' }, undefined],
    [{ 'if-match': '"a"' }, undefined],
    [{ 'if-match': '*' }, undefined],
    [{ 'if-match': '"b", "a"' }, undefined],
    [{ 'if-match': 'W/"a"' }, 412],
    [{ 'if-match': '"b"' }, 412],
    [{ 'if-match': '"b"', 'if-none-match': '"a"' }, 412],
    [{ 'if-match': '"a"', 'if-none-match': '"a"' }, 304],
    [{ 'if-modified-since': 'Fri, 01 Jan 2100 00:00:00 GMT' }, undefined],
    [{ 'if-unmodified-since': 'Fri, 01 Jan 1999 00:00:00 GMT' }, undefined],
  ]
  for (const [headers, expected] of rows)
    t.equal(conditionOf(headers, '"a"'), expected, JSON.stringify(headers))
  t.equal(rangeApplies({}, '"a"'), true)
  t.equal(rangeApplies({ 'if-range': '"a"' }, '"a"'), true)
  t.equal(rangeApplies({ 'if-range': '"b"' }, '"a"'), false)
  t.equal(rangeApplies({ 'if-range': 'W/"a"' }, '"a"'), false)
  t.equal(rangeApplies({ 'if-range': 'Fri, 01 Jan 2100 00:00:00 GMT' }, '"a"'), false)
})

t.test('a request needs an allowed host, and the token if there is one', async t => {
  const rows: [listen: string, host: string, localAddress: string, in_: boolean][] = [
    ['127.0.0.1', '127.0.0.1:8642', '127.0.0.1', true],
    ['127.0.0.1', 'localhost', '127.0.0.1', true],
    ['127.0.0.1', 'LocalHost:80', '127.0.0.1', true],
    ['127.0.0.1', '[::1]:80', '127.0.0.1', true],
    ['127.0.0.1', '127.3.2.1', '127.0.0.1', true],
    ['127.0.0.1', 'evil.example:8642', '127.0.0.1', false],
    ['127.0.0.1', 'localhost.evil.example', '127.0.0.1', false],
    ['127.0.0.1', '127.0.0.1.evil.example', '127.0.0.1', false],
    ['127.0.0.1', 'localhost@evil.example', '127.0.0.1', false],
    ['127.0.0.1', '192.168.1.5', '127.0.0.1', false],
    ['127.0.0.1', '2130706433', '127.0.0.1', false],
    ['127.0.0.1', '', '127.0.0.1', false],
    ['192.168.1.5', '192.168.1.5:80', '192.168.1.5', true],
    ['192.168.1.5', '192.168.1.6:80', '192.168.1.5', false],
    ['nas.example', 'NAS.example:80', '192.168.1.5', true],
    ['nas.example', '192.168.1.5:80', '192.168.1.5', true],
    ['nas.example', 'evil.example:80', '192.168.1.5', false],
    ['0.0.0.0', '203.0.113.7:80', '172.17.0.2', true], // a port that was forwarded
    ['::', '[2001:db8::1]:80', 'fe80::1%eth0', true],
    ['::', '[FE80:0::1]', 'fe80::1%eth0', true],
    ['0.0.0.0', 'evil.example', '172.17.0.2', false],
  ]
  for (const [listen, host, localAddress, expected] of rows) {
    const refusal = new AccessPolicy(listen).findRefusal({ host, localAddress })
    t.equal(refusal, expected ? undefined : 421, `${listen} ${host}`)
  }
  const gate = new AccessPolicy('127.0.0.1', { token: 'sesame 1' })
  const refusalOf = (more: object) =>
    gate.findRefusal({ host: 'localhost', localAddress: '127.0.0.1', ...more })
  t.equal(refusalOf({}), 401)
  t.equal(refusalOf({ token: 'sesame 1' }), undefined)
  t.equal(refusalOf({ authorization: 'Bearer sesame 1' }), undefined)
  t.equal(refusalOf({ authorization: 'bearer   sesame 1 ' }), undefined)
  t.equal(refusalOf({ token: 'wrong', authorization: 'Bearer sesame 1' }), undefined)
  for (const token of ['', 'sesame', 'sesame 11', 'Sesame 1', 'x'.repeat(99_999)])
    t.equal(refusalOf({ token }), 401)
  t.equal(refusalOf({ authorization: 'Basic sesame 1' }), 401)
  t.equal(refusalOf({ authorization: 'sesame 1' }), 401)
  t.equal(refusalOf({ token: 'sesame 1', host: 'evil.example' }), 421)
})

t.test('loopback addresses are recognized in all spellings', async t => {
  for (const host of [
    'localhost',
    '127.0.0.1',
    '127.255.0.9',
    '::1',
    '0:0::1',
    '::ffff:127.0.0.1',
    'LOCALHOST',
  ])
    t.equal(isLoopback(host), true, host)
  for (const host of ['0.0.0.0', '::', '10.0.0.1', '127.0.0.1.x', 'nas', '::ffff:10.0.0.1', '128.0.0.1'])
    t.equal(isLoopback(host), false, host)
})

t.test('every file is at its URL and at no other', async t => {
  const names = fc.string({ unit: anyCharacter, minLength: 1, maxLength: 8 })
  const ordinary = names.filter(name => !/[/\0]/.test(name) && name !== '.' && name !== '..')
  const paths = fc
    .uniqueArray(fc.array(ordinary, { minLength: 1, maxLength: 3 }), { minLength: 1, selector: String })
    // no path is inside another file
    .map(all => all.map((names, at) => `t/${[...names, `${at}.f`].join('/')}`))
  await fc.assert(
    fc.asyncProperty(paths, fc.option(names), async (paths, token) => {
      const { metainfo } = makeTorrent({
        files: paths.map(path => ({ path, contents: 'x' })),
        multiFile: true,
      })
      const torrents = new Map([
        [metainfo.infoHash.toString('hex'), { metainfo, read: () => t.fail('is not read') as never }],
      ])
      const urls = new Urls(token ?? undefined)
      for (const [index, path] of paths.entries()) {
        const target = parseTarget(urls.file(metainfo, path))
        const route = target && (await routeOf(target.names, torrents, new LoopTurns()))
        if (route?.kind !== 'file' || route.index !== index) return false
        if (target!.query.get('token') !== (token ?? null)) return false
      }
      return true
    }),
    { numRuns: 30 },
  )
})

t.test('invalid targets, and targets without a file, are rejected', async t => {
  for (const target of [
    '',
    'x',
    '*',
    '/%',
    '/%zz',
    '/%ff',
    '/%c3%28',
    'ftp://localhost/',
    'https://localhost/',
  ])
    t.equal(parseTarget(target), undefined, target)
  t.match(parseTarget('http://localhost:80/a/b?x=1'), { host: 'localhost:80', names: ['a', 'b'] })
  t.match(parseTarget('http://localhost'), { names: [''] })

  const files = ['t/a/b.txt', 't/c.txt', 't/.hidden'].map(path => ({ path, contents: 'x' }))
  const pad = { path: '.pad/7', length: 7, pad: true }
  const { metainfo } = makeTorrent({ files: [...files, pad] })
  const hash = metainfo.infoHash.toString('hex')
  const torrents = new Map([[hash, { metainfo, read: () => t.fail('is not read') as never }]])
  const kindAt = async (path: string) =>
    (await routeOf(parseTarget(path)!.names, torrents, new LoopTurns()))?.kind
  t.equal(await kindAt('/'), 'index')
  t.equal(await kindAt(`/${hash}`), 'moved')
  t.equal(await kindAt(`/${hash.toUpperCase()}/`), 'directory')
  t.equal(await kindAt(`/${hash}/t/a`), 'moved')
  t.equal(await kindAt(`/${hash}/t/a/`), 'directory')
  t.equal(await kindAt(`/${hash}/t/%61/b.txt`), 'file')
  t.equal(await kindAt(`/${hash}/t/.hidden`), 'file')
  for (const path of [
    '//',
    '/x',
    `/${'0'.repeat(40)}/`,
    `/${hash}//`,
    `/${hash}//t/c.txt`,
    `/${hash}/t//c.txt`,
    `/${hash}/t/c.txt/`,
    `/${hash}/t/a%2Fb.txt`,
    `/${hash}/t%2Fc.txt`,
    `/${hash}/t/a/../c.txt`,
    `/${hash}/t/%2e%2e/t/c.txt`,
    `/${hash}/t/./c.txt`,
    `/${hash}/../../etc/passwd`,
    `/${hash}/t\\c.txt`,
    `/${hash}/t/c.txt%00`,
    `/${hash}/.pad/7`,
    `/${hash}/.pad/`,
    '/__proto__/',
    '/constructor',
  ])
    t.equal(await kindAt(path), undefined, path)
})

t.test('content types: media types of players; text is UTF-8; unknown types are bytes', async t => {
  const rows = {
    'a.mkv': 'video/x-matroska',
    'A.MP4': 'video/mp4',
    'a.webm': 'video/webm',
    'a.mp3': 'audio/mpeg',
    'a.iso': 'application/octet-stream',
    'a.html': 'text/html; charset=utf-8',
    'a.srt': 'application/x-subrip',
    'a.vtt': 'text/vtt; charset=utf-8',
    'a.json': 'application/json; charset=utf-8',
    'a.svg': 'image/svg+xml; charset=utf-8',
    'a.never-heard-of': 'application/octet-stream',
    html: 'application/octet-stream',
    '': 'application/octet-stream',
  }
  for (const [name, type] of Object.entries(rows)) t.equal(contentTypeOf(name), type)
})

t.test('values of --http are parsed or rejected', async t => {
  t.strictSame(parseHttpAddress('8080'), { host: '127.0.0.1', port: 8080 })
  t.strictSame(parseHttpAddress('0.0.0.0:0'), { host: '0.0.0.0', port: 0 })
  t.strictSame(parseHttpAddress('[0:0::1]:80'), { host: '::1', port: 80 })
  t.strictSame(parseHttpAddress('nas.local:80'), { host: 'nas.local', port: 80 })
  for (const value of [
    '',
    ':80',
    '::1:80',
    '1.2.3.4',
    '1.2.3:80',
    'a b:80',
    'x:65536',
    '123456',
    'http://x:80',
  ])
    t.throws(() => parseHttpAddress(value), { code: 'ERR_USAGE' }, value)
})
