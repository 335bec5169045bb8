import fc from 'fast-check'
import t from 'tap'
import { encode } from '../../src/codec/bencode.ts'
import { parse } from '../../src/metainfo/parse.ts'
import { FileSite, PieceSite } from '../../src/metainfo/web-site.ts'
import { fileUrl, pieceUrl, webSeedName } from '../../src/metainfo/web-url.ts'
import { makeTorrent } from '../helpers/metainfo.ts'

const one = { multiFile: false, name: "abc'abc" }
const many = { multiFile: true, name: 'foo' }
const url = (base: string, torrent: typeof one, path: string) => fileUrl(base, torrent, { path }).href

t.test('a single file is at the base URL, or at its name below a base that ends in a slash', async t => {
  t.equal(url('http://h/', one, "abc'abc"), 'http://h/abc%27abc')
  t.equal(url('http://h/d/', one, "abc'abc"), 'http://h/d/abc%27abc')
  t.equal(url('http://h/other.iso', one, "abc'abc"), 'http://h/other.iso')
  t.equal(url('http://h/get?file=x', one, "abc'abc"), 'http://h/get?file=x')
  t.equal(url('http://h/#x', one, "abc'abc"), 'http://h/abc%27abc')
})

t.test('each of several files is below the torrent’s name, with every name escaped', async t => {
  t.equal(url('http://h/', many, "foo/abc'abc"), 'http://h/foo/abc%27abc')
  t.equal(url('http://h/pub', many, 'foo/bar'), 'http://h/pub/foo/bar')
  t.equal(url('http://h/pub?k=v', many, 'foo/bar'), 'http://h/pub/foo/bar?k=v')
  t.equal(url('http://h/?dir=/', many, 'foo/bar'), 'http://h/?dir=/foo/bar')
  t.equal(url('http://h/', many, 'foo/sub/file c'), 'http://h/foo/sub/file%20c')
  t.equal(url('http://h/', many, 'foo/%2e/a?b#c&d+e'), 'http://h/foo/%252e/a%3Fb%23c%26d%2Be')
  t.equal(url('http://h/', many, 'foo/ü'), 'http://h/foo/%C3%BC')
})

t.test('URLs use the original names where the paths differ', async t => {
  const info = {
    name: Buffer.from('a:b'),
    'piece length': 16384,
    pieces: Buffer.alloc(20),
    files: [
      { length: 1, path: ['c?', '.', 'con'] },
      { length: 1, path: [Buffer.from([0x66, 0xff])] },
      { length: 1, path: ['plain'] },
    ],
  }
  const metainfo = parse(encode({ info, httpseeds: ['http://s/x.php', 'ftp://s/'], 'url-list': 'http://h/' }))
  const urls = metainfo.files.map(file => fileUrl(metainfo.webSeeds[0]!, metainfo, file).href)
  t.strictSame(urls, ['http://h/a%3Ab/c%3F/con', 'http://h/a%3Ab/f%FF', 'http://h/a%3Ab/plain'])
  t.strictSame(metainfo.httpSeeds, ['http://s/x.php'])
  t.match(
    metainfo.warnings.join('\n'),
    /httpseeds: "ftp:\/\/s\/" has a scheme other than http, https, ignored/,
  )
})

t.test('a BEP 17 URL has the piece, and the range if it is not the whole piece', async t => {
  const hash = Buffer.from('9cd969', 'hex')
  t.equal(pieceUrl('http://h/seed.php', hash, 3).href, 'http://h/seed.php?info_hash=%9C%D9i&piece=3')
  t.equal(
    pieceUrl('http://h/seed.php?k=v', hash, 8, [49152, 131071]).href,
    'http://h/seed.php?k=v&info_hash=%9C%D9i&piece=8&ranges=49152-131071',
  )
})

t.test('the name of a web seed has no credentials', async t => {
  t.equal(webSeedName('http://me:secret@h.example:81/d/?token=x#y'), 'http://h.example:81/d/')
})

t.test('the parts of any range are its bytes in order, without padding', async t => {
  const file = fc.record({ length: fc.integer({ min: 0, max: 40_000 }), pad: fc.boolean() })
  const files = fc
    .array(file, { minLength: 1, maxLength: 8 })
    .filter(all => all.some(({ length }) => length > 0))
  const property = fc.property(files, fc.nat(), fc.nat(), (specs, from, much) => {
    const { metainfo, content } = makeTorrent({
      name: 'd',
      multiFile: true,
      files: specs.map((spec, index) => ({ ...spec, path: `d/${index}` })),
    })
    const start = from % content.length
    const length = 1 + (much % (content.length - start))
    const site = new FileSite('http://h/', metainfo)
    const got: Buffer[] = []
    for (let at = start; at < start + length; ) {
      const part = site.part(at, start + length - at)
      const { offset, path, length: size, pad } = metainfo.files[part.key]!
      if (pad === (part.url !== undefined)) return false
      const first = part.range?.first ?? at - offset
      if (part.url && (part.url.pathname !== `/${path}` || part.range?.size !== size)) return false
      got.push(content.subarray(offset + first, offset + first + part.length))
      at += part.length
    }
    return Buffer.concat(got).equals(content.subarray(start, start + length))
  })
  t.doesNotThrow(() => fc.assert(property, { numRuns: 200 }))
})

t.test('the parts of any range end at piece boundaries with BEP 17', async t => {
  const { metainfo } = makeTorrent({ files: [{ path: 'f', length: 100_000 }], pieceLength: 32_768 })
  const site = new PieceSite('http://h/x', metainfo)
  const part = (position: number, length: number) => {
    const { url, length: taken, key } = site.part(position, length)
    return [key, taken, url!.search.replace(/.*&piece=/, '')]
  }
  t.same(part(0, 100_000), [0, 32_768, '0'])
  t.same(part(32_768, 40_000), [0, 32_768, '1'])
  t.same(part(65_536, 100), [0, 100, '2&ranges=0-99'])
  t.same(part(98_304, 1_696), [0, 1_696, '3'])
  t.same(site.piecesOf(), { first: 0, last: 3 })
})
