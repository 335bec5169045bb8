import fc from 'fast-check'
import t from 'tap'
import { encode } from '../../src/codec/bencode.ts'
import { formatAddress } from '../../src/codec/compact.ts'
import { decodePex, encodePex, MAX_PEX } from '../../src/codec/pex.ts'

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex')
const names = (peers: readonly { host: string; port: number }[] = []) => peers.map(formatAddress)

t.test('a message of libtorrent is decoded with flags, in both families', async t => {
  const six = hex('20010db8000000000000000000000007 1ae1')
  const payload = encode({
    added: hex('0a000001 1ae1 0a000002 1ae2'),
    'added.f': hex('12 01'),
    added6: six,
    'added6.f': hex('10'),
    dropped: hex('0a000003 1ae3'),
    dropped6: hex(''),
  })
  const { added, dropped } = decodePex(payload)!
  t.same(names(added), ['10.0.0.1:6881', '10.0.0.2:6882', '[2001:db8::7]:6881'])
  t.same(
    added.map(({ flags }) => flags),
    [0x12, 0x01, 0x10],
  )
  t.same(names(dropped), ['10.0.0.3:6883'])
})

t.test('encoded messages are decoded back', async t => {
  const added = [
    { host: '10.0.0.1', port: 1, flags: 0x12 },
    { host: '2001:db8::1', port: 2, flags: 0x01 },
    { host: '10.0.0.2', port: 3, flags: 0 },
  ]
  const dropped = [{ host: '10.0.0.9', port: 9 }]
  const read = decodePex(encodePex({ added, dropped }))!
  t.same(read.added, [added[0], added[2], added[1]])
  t.same(read.dropped, dropped)
})

t.test('peers without flags are decoded', async t => {
  t.same(decodePex(encode({ added: hex('0a000001 1ae1') }))?.added, [
    { host: '10.0.0.1', port: 6881, flags: 0 },
  ])
})

t.test('invalid fields are omitted, and nothing throws', async t => {
  t.equal(decodePex(Buffer.from('')), undefined)
  t.equal(decodePex(Buffer.from('le')), undefined)
  t.equal(decodePex(Buffer.from('d5:added12:')), undefined)
  t.same(decodePex(Buffer.from('de')), { added: [], dropped: [] })
  const odd = { added: hex('0a000001 1ae1 0a'), added6: hex('0a000001 1ae1'), dropped: 5 }
  t.same(decodePex(encode(odd)), { added: [], dropped: [] })
  const short = encode({ added: hex('0a000001 1ae1 0a000002 0000 0a000003 1ae3'), 'added.f': hex('02 10') })
  t.same(decodePex(short)?.added, [
    { host: '10.0.0.1', port: 6881, flags: 2 },
    { host: '10.0.0.3', port: 6883, flags: 0 },
  ])
})

t.test('the first 50 of 10,000 addresses are decoded', async t => {
  const many = Buffer.concat(
    Array.from({ length: 10_000 }, (_, n) => Buffer.from([10, 1, n >> 8, n & 255, 1, 1])),
  )
  const six = Buffer.alloc(18 * 100, 0x20)
  const { added, dropped } = decodePex(encode({ added: many, added6: six, dropped: many }))!
  t.same([added.length, dropped.length], [MAX_PEX, MAX_PEX])
  t.ok(added.every(({ host }) => host.startsWith('10.1.')))
})

t.test('random payloads never throw and give at most 50 addresses', async t => {
  const compact = fc.uint8Array({ maxLength: 2000 })
  const near = fc
    .record(
      {
        added: compact,
        'added.f': compact,
        added6: compact,
        'added6.f': compact,
        dropped: compact,
        dropped6: compact,
      },
      { requiredKeys: [] },
    )
    .map(dict => Uint8Array.from(encode(dict)))
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), near), payload => {
      const message = decodePex(payload)
      if (!message) return true
      const { added, dropped } = message
      const right = [...added, ...dropped].every(({ host, port }) => host !== '' && port > 0 && port < 65536)
      return right && added.length <= MAX_PEX && dropped.length <= MAX_PEX
    }),
    { numRuns: 1000 },
  )
  t.pass()
})
