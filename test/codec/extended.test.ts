import t from 'tap'
import { decode, encode } from '../../src/codec/bencode.ts'
import { encodeExtendedHandshake, parseExtendedHandshake } from '../../src/codec/extended.ts'

t.test('a handshake tells the name of the client and how many requests it takes', async t => {
  const payload = encode({
    m: { ut_metadata: 2, ut_pex: 1 },
    metadata_size: 138876,
    reqq: 500,
    v: 'qBittorrent/4.2.5',
  })
  t.same(parseExtendedHandshake(payload), { client: 'qBittorrent/4.2.5', reqq: 500 })
})

t.test('H1: an empty one says nothing, and is fine', async t => {
  t.same(parseExtendedHandshake(Buffer.from('de')), {})
})

t.test('H3: what is no dictionary, no bencoding or cut short says nothing', async t => {
  const whole = encode({ reqq: 250, v: 'x' })
  for (const text of ['', 'le', 'i5e', '4:spam', 'garbage', 'd', 'd1:v', 'd1:v9:x', 'l'.repeat(60_000)])
    t.same(parseExtendedHandshake(Buffer.from(text)), {}, text.slice(0, 20))
  for (let length = 0; length < whole.length; length++)
    t.same(parseExtendedHandshake(whole.subarray(0, length)), {}, `${length} bytes`)
})

t.test('H4: each value that cannot be is left out on its own', async t => {
  const parse = (dict: Parameters<typeof encode>[0]) => parseExtendedHandshake(encode(dict))
  t.same(parse({ reqq: -1, v: 'x' }), { client: 'x' })
  t.same(parse({ reqq: 0, v: 'x' }), { client: 'x' })
  t.same(parse({ reqq: '5', v: 'x' }), { client: 'x' })
  t.same(parse({ reqq: 5, v: 7 }), { reqq: 5 })
  t.same(parse({ reqq: 5, v: '' }), { reqq: 5 })
  t.same(parse({ reqq: 5, v: ['x'] }), { reqq: 5 })
  t.same(parse({ m: [], metadata_size: -5, p: 70000, reqq: 5, yourip: 'abc' }), { reqq: 5 })
  t.same(parse({ m: { ut_pex: 'one' }, reqq: 5 }), { reqq: 5 })
})

t.test('H4: a name that is not UTF-8, or would move the cursor, can still be shown', async t => {
  const parse = (v: Buffer) => parseExtendedHandshake(encode({ v })).client
  t.equal(parse(Buffer.from([0x61, 0xff, 0x62])), 'a�b')
  t.equal(parse(Buffer.from('\x1b[31mred\x00\r\n\u202e')), '[31mred')
  t.equal(parse(Buffer.from('µTorrent 3.5')), 'µTorrent 3.5')
  t.equal(parse(Buffer.from('x'.repeat(500))), 'x'.repeat(64))
})

t.test('a name of nothing that can be shown is none', async t => {
  t.same(parseExtendedHandshake(encode({ v: '\x00\x1b' })), {})
})

t.test('bytes behind the dictionary do no harm', async t => {
  t.same(parseExtendedHandshake(Buffer.from('d4:reqqi9eetrailing')), { reqq: 9 })
})

t.test('one that is longer than anybody would send is not read', async t => {
  t.same(parseExtendedHandshake(encode({ reqq: 9, v: 'x'.repeat(66_000) })), {})
  t.equal(parseExtendedHandshake(encode({ reqq: 9, v: 'x'.repeat(65_000) })).reqq, 9)
})

t.test('ours has an m, our name, and how many requests we take', async t => {
  const ours = encodeExtendedHandshake('tsdl 0.1.0')
  t.same(Object.keys(decode(ours)), ['m', 'reqq', 'v'])
  t.same(parseExtendedHandshake(ours), { client: 'tsdl 0.1.0', reqq: 500 })
})
