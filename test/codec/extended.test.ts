import t from 'tap'
import { decode, type Encodable, encode } from '../../src/codec/bencode.ts'
import {
  encodeDontHave,
  encodeExtendedHandshake,
  parseDontHave,
  parseExtendedHandshake,
} from '../../src/codec/extended.ts'
import { generator } from '../helpers/feed.ts'
import { RANDOM_SEED } from '../helpers/random-seed.ts'

/** Decodes a handshake, with the extensions as a plain object. */
function parse(value: Encodable) {
  const { extensions, ...rest } = parseExtendedHandshake(Buffer.isBuffer(value) ? value : encode(value))
  return { ...rest, m: Object.fromEntries(extensions) }
}
const EMPTY_HANDSHAKE = { m: {} }

t.test('all fields of a handshake are decoded', async t => {
  const fields = {
    m: { ut_metadata: 2, ut_pex: 1, lt_donthave: 255 },
    metadata_size: 138876,
    p: 51413,
    reqq: 500,
    upload_only: 1,
    v: 'qBittorrent/4.2.5',
    yourip: Buffer.from([1, 2, 3, 4]),
  }
  t.same(parse(fields), {
    client: 'qBittorrent/4.2.5',
    m: { ut_metadata: 2, ut_pex: 1, lt_donthave: 255 },
    metadataSize: 138876,
    port: 51413,
    reqq: 500,
    uploadOnly: true,
    yourIp: '1.2.3.4',
  })
})

t.test('the example in BEP 10 is decoded', async t => {
  const example = Buffer.from('d1:md11:LT_metadatai1e6:µT_PEXi2ee1:pi6881e1:v13:µTorrent 1.2e')
  // The BEP counts µ as one byte in the name of the extension and as two in the name of the client.
  const right = Buffer.from(example.toString().replace('6:µT', '7:µT'))
  t.same(parse(right), { client: 'µTorrent 1.2', m: { LT_metadata: 1, µT_PEX: 2 }, port: 6881 })
  t.same(parse(example), EMPTY_HANDSHAKE)
})

t.test('an empty dictionary is valid', async t => {
  t.same(parse(Buffer.from('de')), EMPTY_HANDSHAKE)
})

t.test('a payload that is not a complete dictionary is ignored', async t => {
  const whole = encode({ m: { ut_pex: 1 }, p: 80, reqq: 250, v: 'x' })
  for (const text of ['', 'le', 'i5e', '4:spam', 'garbage', 'd', 'd1:v', 'd1:v9:x', 'l'.repeat(60_000)])
    t.same(parse(Buffer.from(text)), EMPTY_HANDSHAKE, text.slice(0, 20))
  for (let length = 0; length < whole.length; length++)
    t.same(parse(whole.subarray(0, length)), EMPTY_HANDSHAKE, `${length} bytes`)
})

t.test('an invalid field is omitted without the others', async t => {
  const left: [Encodable, object][] = [
    [{ reqq: -1, v: 'x' }, { client: 'x' }],
    [{ reqq: 0, v: 'x' }, { client: 'x' }],
    [{ reqq: '5', v: 'x' }, { client: 'x' }],
    [{ reqq: 5, v: 7 }, { reqq: 5 }],
    [{ reqq: 5, v: '' }, { reqq: 5 }],
    [{ reqq: 5, v: ['x'] }, { reqq: 5 }],
    [{ m: [], metadata_size: -5, p: 70000, reqq: 5, yourip: 'abc' }, { reqq: 5 }],
    [{ m: 7, metadata_size: 0, p: 0, reqq: 5, yourip: 4 }, { reqq: 5 }],
    [{ m: 'ut_pex', metadata_size: '9', p: -1, reqq: 5, upload_only: '1' }, { reqq: 5 }],
    [{ p: '80', reqq: 5, upload_only: 2, yourip: Buffer.alloc(18) }, { reqq: 5 }],
    [{ reqq: 5, upload_only: -1, yourip: ['1.2.3.4'] }, { reqq: 5 }],
  ]
  for (const [value, rest] of left)
    t.same(parse(value), { ...EMPTY_HANDSHAKE, ...rest }, JSON.stringify(value))
})

t.test('a port outside 1 to 65535 is omitted', async t => {
  for (const port of [1, 65535]) t.equal(parse({ p: port }).port, port)
  for (const port of [0, 65536]) t.equal(parse({ p: port }).port, undefined)
})

t.test('our address is decoded as canonical text, in both families', async t => {
  const six = Buffer.alloc(16)
  six[15] = 1
  t.equal(parse({ yourip: six }).yourIp, '::1')
  t.equal(parse({ yourip: Buffer.from(`${'00'.repeat(10)}ffff01020304`, 'hex') }).yourIp, '1.2.3.4')
})

t.test('upload_only is 1 for true and 0 for false (BEP 21)', async t => {
  t.equal(parse({ upload_only: 1 }).uploadOnly, true)
  t.equal(parse({ upload_only: 0 }).uploadOnly, false)
  t.equal(parse({}).uploadOnly, undefined)
})

t.test('extension ids have one byte, and 0 is kept, since it disables an extension', async t => {
  const m = { a: 1, b: 255, off: 0, c: 256, d: -1, e: '1', f: [1], g: {} }
  t.same(parse({ m }).m, { a: 1, b: 255, off: 0 })
})

t.test('at most 64 extensions are kept, not counting invalid ones', async t => {
  const many = (id: number) =>
    Object.fromEntries(Array.from({ length: 100 }, (_, at) => [`a${at}`, id] as const))
  t.equal(parseExtendedHandshake(encode({ m: many(1) })).extensions.size, 64)
  t.same(parse({ m: { ...many(256), ut_pex: 1 } }).m, { ut_pex: 1 })
})

t.test('an extension with a name over 64 characters is omitted', async t => {
  t.same(parse({ m: { ['x'.repeat(65)]: 1, ['y'.repeat(64)]: 2 } }).m, { ['y'.repeat(64)]: 2 })
})

t.test('names of object properties are valid extension names', async t => {
  const { extensions } = parseExtendedHandshake(encode({ m: { constructor: 3 } }))
  t.equal(extensions.get('constructor'), 3)
  t.equal(extensions.get('toString'), undefined)
})

t.test('invalid UTF-8 and control characters are removed from the client name', async t => {
  const name = (v: Buffer) => parse({ v }).client
  t.equal(name(Buffer.from([0x61, 0xff, 0x62])), 'a�b')
  t.equal(name(Buffer.from('\x1b[31mred\x00\r\n\u202e')), '[31mred')
  t.equal(name(Buffer.from('µTorrent 3.5')), 'µTorrent 3.5')
  t.equal(name(Buffer.from('x'.repeat(500))), 'x'.repeat(64))
})

t.test('a client name without printable characters is omitted', async t => {
  t.same(parse({ v: '\x00\x1b' }), EMPTY_HANDSHAKE)
})

t.test('bytes after the dictionary are ignored', async t => {
  t.same(parse(Buffer.from('d4:reqqi9eetrailing')), { ...EMPTY_HANDSHAKE, reqq: 9 })
})

t.test('a handshake over 64 KiB is ignored', async t => {
  t.same(parse({ reqq: 9, v: 'x'.repeat(66_000) }), EMPTY_HANDSHAKE)
  t.equal(parse({ reqq: 9, v: 'x'.repeat(65_000) }).reqq, 9)
})

t.test('a handshake with random changes never throws and has only valid fields', async t => {
  const seed = RANDOM_SEED
  const chance = generator(seed)
  const m = { lt_donthave: 7, ut_metadata: 2, ut_pex: 1 }
  const good = encode({
    m,
    metadata_size: 99,
    p: 6881,
    reqq: 5,
    upload_only: 1,
    v: 'x',
    yourip: Buffer.alloc(4),
  })
  for (let round = 0; round < 5000; round++) {
    const payload = Buffer.from(good)
    for (let wrong = 0; wrong <= round % 3; wrong++)
      payload[Math.floor(chance() * payload.length)] = Math.floor(chance() * 256)
    const decoded = parseExtendedHandshake(payload)
    const { port = 1, reqq = 1, metadataSize = 1, yourIp = '0.0.0.0' } = decoded
    const sane =
      port >= 1 && port <= 65535 && reqq >= 1 && metadataSize >= 1 && /^[\d.]+$|^[\da-f:]+$/.test(yourIp)
    const ids = [...decoded.extensions.values()].every(id => Number.isInteger(id) && id >= 0 && id <= 255)
    if (!sane || !ids) t.fail(`SEED=${seed}: ${JSON.stringify(payload.toString('latin1'))}`)
  }
})

t.test('our handshake has m, v and reqq', async t => {
  const ours = encodeExtendedHandshake({ client: 'tsdl 0.1.0', reqq: 500, extensions: {} })
  t.equal(ours.toString(), 'd1:mde4:reqqi500e1:v10:tsdl 0.1.0e')
})

t.test('every field of our handshake is decoded back', async t => {
  const extensions = { ut_metadata: 1, ut_pex: 2, lt_donthave: 0 }
  const rest = { client: 'tsdl 0.1.0', reqq: 250, port: 6881, yourIp: '127.0.0.1', uploadOnly: true }
  t.same(parse(encodeExtendedHandshake({ ...rest, extensions })), { ...rest, m: extensions })
  const six = { ...rest, yourIp: '::1', uploadOnly: false }
  t.same(parse(encodeExtendedHandshake({ ...six, extensions })), { ...six, m: extensions })
})

t.test('yourip is 4 or 16 bytes, and is omitted for anything but a plain address', async t => {
  const written = (yourIp: string) => {
    const ours = encodeExtendedHandshake({ client: 'x', reqq: 1, extensions: {}, yourIp })
    return (decode(ours) as { yourip?: Uint8Array }).yourip
  }
  t.same(Buffer.from(written('1.2.3.4')!), Buffer.from([1, 2, 3, 4]))
  t.same(
    Buffer.from(written('::ffff:1.2.3.4')!),
    Buffer.from([1, 2, 3, 4]),
    'IPv4-mapped, as in a dual-stack socket',
  )
  t.equal(written('2001:db8::1')?.length, 16)
  for (const none of ['', 'peer.example', 'fe80::1%eth0', '1.2.3.256'])
    t.equal(written(none), undefined, none)
})

t.test('lt_donthave is a piece index of 4 bytes (BEP 54)', async t => {
  t.same(encodeDontHave(0x01020304), Buffer.from([1, 2, 3, 4]))
  for (const index of [0, 1, 0xfffffffe]) t.equal(parseDontHave(encodeDontHave(index)), index)
  const within = Buffer.from([9, 9, 0, 0, 1, 0, 9, 9])
  t.equal(parseDontHave(within.subarray(2, 6)), 256)
})

t.test('lt_donthave of any other length is ignored (BEP 54)', async t => {
  for (const length of [0, 1, 2, 3, 5, 8])
    t.equal(parseDontHave(Buffer.alloc(length)), undefined, `${length}`)
})
