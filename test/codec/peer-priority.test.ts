import fc from 'fast-check'
import t from 'tap'
import { hostOf, type PeerAddress } from '../../src/codec/compact.ts'
import { crc32c } from '../../src/codec/crc32c.ts'
import { peerPriority } from '../../src/codec/peer-priority.ts'

const at = (host: string, port = 6881): PeerAddress => ({ host, port })
const hash = (hex: string) => crc32c(Buffer.from(hex.replace(/[^0-9a-f]/gi, ''), 'hex'))

t.test('crc32c reproduces the check values of RFC 3720 and of the polynomial', async t => {
  t.equal(crc32c(Buffer.from('123456789')), 0xe3069283)
  t.equal(crc32c(Buffer.alloc(32)), 0x8a9136aa)
  t.equal(crc32c(Buffer.alloc(32, 0xff)), 0x62a8ab43)
  t.equal(crc32c(Buffer.alloc(0)), 0)
})

t.test('the examples in BEP 40 are reproduced', async t => {
  t.equal(peerPriority(at('123.213.32.10'), at('98.76.54.32')), 0xec2d7224)
  t.equal(peerPriority(at('123.213.32.10'), at('123.213.32.234')), 0x99568189)
})

t.test('the third byte is not masked for addresses in the same /16', async t => {
  t.equal(peerPriority(at('123.213.255.170'), at('123.213.3.255')), hash('7bd50355 7bd5ff00'))
})

t.test('peers at the same address are ranked by their ports', async t => {
  t.equal(peerPriority(at('1.2.3.4', 0x1ae1), at('1.2.3.4', 0x0050)), hash('0050 1ae1'))
  t.equal(peerPriority(at('2001:db8::1', 300), at('2001:DB8:0::1', 2)), hash('0002 012c'))
  t.equal(peerPriority(at('1.2.3.4', 9), at('1.2.3.4', 9)), hash('0009 0009'))
  t.not(peerPriority(at('1.2.3.4', 1), at('1.2.3.4', 2)), peerPriority(at('1.2.3.4', 1), at('1.2.3.4', 3)))
})

t.test('the first six bytes of IPv6 are not masked, and one more for each equal byte', async t => {
  const rows: [string, string, string][] = [
    [
      '2001:db8:1:ffff:ffff:ffff:ffff:ffff',
      '2001:db8:2:ffff::',
      '20010db800015555555555555555555520010db8000255550000000000000000',
    ],
    [
      '2001:db8:1:ffff:ffff::',
      '2001:db8:1:00ff:ffff::',
      '20010db80001005555550000000000002001 0db8 0001 ff55 5555 0000 0000 0000',
    ],
    [
      '2001:db8:1:2ff:ffff::',
      '2001:db8:1:203:ffff::',
      '20010db8000102035555000000000000 20010db8000102ff5555000000000000',
    ],
    [
      '2001:db8:1:2::ff',
      '2001:db8:1:2::fe',
      '20010db80001000200000000000000fe 20010db80001000200000000000000ff',
    ],
  ]
  for (const [a, b, hex] of rows) t.equal(peerPriority(at(a), at(b)), hash(hex), `${a} and ${b}`)
})

t.test('both ends compute the same priority for any addresses', async t => {
  // few distinct bytes, so that addresses often share a prefix
  const byte = fc.constantFrom(0, 1, 0x55, 0xaa, 0xff)
  const host = (length: number) =>
    fc.array(byte, { minLength: length, maxLength: length }).map(bytes => hostOf(Uint8Array.from(bytes)))
  const address = (length: number) =>
    fc.record({ host: host(length), port: fc.integer({ min: 1, max: 65535 }) })
  const pair = fc.oneof(fc.tuple(address(4), address(4)), fc.tuple(address(16), address(16)))
  fc.assert(
    fc.property(pair, ([a, b]) => {
      const priority = peerPriority(a, b)
      return priority === peerPriority(b, a) && priority >= 0 && priority < 2 ** 32
    }),
    { seed: 20240701, numRuns: 500 },
  )
  t.pass()
})

t.test('an IPv4-mapped address has the priority of the IPv4 address', async t => {
  t.equal(peerPriority(at('::ffff:123.213.32.10'), at('98.76.54.32')), 0xec2d7224)
})

t.test('the priority is 0 if the ends cannot compute the same number', async t => {
  t.equal(peerPriority(at('1.2.3.4'), at('2001:db8::1')), 0)
  t.equal(peerPriority(at('1.2.3.4'), at('peer.example')), 0)
  t.equal(peerPriority(at('peer.example'), at('peer.example')), 0)
})
