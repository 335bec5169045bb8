import { randomInt } from 'node:crypto'
import t from 'tap'
import { parseAddressRange } from '../../src/codec/address-range.ts'
import { AddressRanges } from '../../src/codec/address-ranges.ts'
import { type AddressScope, canTellOf, isGlobalAddress, scopeOf } from '../../src/codec/address-scope.ts'
import { hostOf } from '../../src/codec/compact.ts'
import { generator } from '../helpers/feed.ts'

/** The first and last address of each range, and their neighbours outside it. */
const SCOPE_EXAMPLES: Readonly<Record<AddressScope, readonly string[]>> = {
  loopback: ['127.0.0.1', '127.255.255.255', '::1', '::ffff:127.0.0.1', '64:ff9b::7f00:1', '2002:7f00:1::'],
  'link-local': [
    '169.254.0.0',
    '169.254.169.254',
    'fe80::1',
    'fe80::1%eth0',
    'febf:ffff::1',
    '::ffff:a9fe:1',
  ],
  private: [
    ...['10.0.0.0', '10.255.255.255', '172.16.0.1', '172.31.255.255', '192.168.0.1', '192.168.255.255'],
    ...['fc00::1', 'fdff::1', 'fec0::1', '64:ff9b:1::1', '::ffff:10.0.0.3', '::ffff:0:10.0.0.3'],
    ...['2002:0a00:0001::1', '2002:c0a8:101::', '64:ff9b::10.0.0.1', '2001:0:4136:e378:8000:63bf:f5ff:fffe'],
  ],
  shared: ['100.64.0.0', '100.127.255.255', '::ffff:100.64.0.1', '64:ff9b::100.64.0.1'],
  multicast: ['224.0.0.1', '239.255.255.255', 'ff00::', 'ff02::1', '::ffff:224.0.0.1'],
  reserved: [
    ...['0.0.0.0', '0.255.255.255', '192.0.0.1', '192.0.2.1', '192.88.99.1', '198.18.0.1', '198.19.255.255'],
    ...['198.51.100.1', '203.0.113.1', '240.0.0.1', '255.255.255.255', '::', '::127.0.0.1', '::5', '100::1'],
    ...[
      '2001:2::1',
      '2001:10::1',
      '2001:db8::1',
      '3fff::1',
      '4000::1',
      '5f00::1',
      '1000::1',
      '2002:f000:1::',
    ],
    ...['2001:0:4136:e378:8000:63bf:3fff:fdd2'],
  ],
  global: [
    ...[
      '1.0.0.0',
      '9.255.255.255',
      '11.0.0.0',
      '100.63.255.255',
      '100.128.0.0',
      '126.255.255.255',
      '128.0.0.1',
    ],
    ...[
      '169.253.255.255',
      '172.15.0.1',
      '172.32.0.1',
      '192.0.1.1',
      '192.167.1.1',
      '198.17.0.1',
      '198.20.0.1',
    ],
    ...[
      '223.255.255.255',
      '2600::1',
      '2a00:1450::1',
      '::ffff:8.8.8.8',
      '64:ff9b::8.8.8.8',
      '2002:808:808::1',
    ],
    ...['2001:200::1', '2001:db9::1', '2001:0:4136:e378:8000:63bf:f7f7:f7f7', '::ffff:0:8.8.8.8'],
  ],
}

t.test('every address has one scope, that of its embedded IPv4 address if it has one', async t => {
  for (const [scope, addresses] of Object.entries(SCOPE_EXAMPLES)) {
    for (const address of addresses) {
      t.equal(scopeOf(address), scope, address)
      t.equal(isGlobalAddress(address), scope === 'global', address)
    }
  }
})

t.test('a host name or invalid address has no scope', async t => {
  for (const text of [
    '',
    'localhost',
    '1.2.3',
    '1.2.3.256',
    '1.2.3.4.5',
    '[::1]',
    '::g',
    '127.1',
    '0x7f.0.0.1',
  ])
    t.equal(scopeOf(text), undefined, text)
  t.notOk(isGlobalAddress('localhost'))
})

t.test('a host may name public addresses, and addresses of its own scope or a wider one', async t => {
  const tellers = ['8.8.8.8', '100.64.0.9', '192.168.0.9', '127.0.0.1'] as const
  const hosts = ['1.2.3.4', '2600::1', '100.64.0.1', '10.0.0.1', 'fe80::1', '127.0.0.2', '::1', '192.0.2.1']
  const accepted = tellers.map(referrer => hosts.filter(host => canTellOf(referrer, host)))
  t.same(accepted, [hosts.slice(0, 2), hosts.slice(0, 3), hosts.slice(0, 5), hosts.slice(0, 7)])
  t.notOk(canTellOf('127.0.0.1', 'localhost'))
  t.notOk(canTellOf('tracker.example', '10.0.0.1'), 'a source without an address counts as remote')
  t.ok(canTellOf('tracker.example', '1.2.3.4'))
  t.ok(canTellOf('::ffff:10.0.0.3', '10.0.0.4'))
})

t.test('a line of a blocklist is a range in one of its formats', async t => {
  const rows: [line: string, start: string, end: string][] = [
    ['name:1.2.3.0-1.2.3.255', '1.2.3.0', '1.2.3.255'],
    ['a name: with, colons - and more:1.2.3.0 - 1.2.3.255\r', '1.2.3.0', '1.2.3.255'],
    [':1.2.3.4-1.2.3.4', '1.2.3.4', '1.2.3.4'],
    ['001.002.003.000 - 001.002.003.255 , 000 , a name', '1.2.3.0', '1.2.3.255'],
    ['1.2.3.0 - 1.2.3.255 , 127 , 10.0.0.1-10.0.0.2', '1.2.3.0', '1.2.3.255'],
    ['1.2.3.0-1.2.3.255', '1.2.3.0', '1.2.3.255'],
    ['1.2.3.4', '1.2.3.4', '1.2.3.4'],
    ['1.2.3.77/24 ; SBL1', '1.2.3.0', '1.2.3.255'],
    ['0.0.0.0/0', '0.0.0.0', '255.255.255.255'],
    ['1.2.3.4/31 # two', '1.2.3.4', '1.2.3.5'],
    ['2001:db8::/33', '2001:db8::', '2001:db8:7fff:ffff:ffff:ffff:ffff:ffff'],
    ['2001:db8::1', '2001:db8::1', '2001:db8::1'],
    ['2001:db8::1 - 2001:db8::ff', '2001:db8::1', '2001:db8::ff'],
    ['a name:2001:db8::1-2001:db8::ff', '2001:db8::1', '2001:db8::ff'],
    ['::ffff:1.2.3.4', '1.2.3.4', '1.2.3.4'],
  ]
  for (const [line, start, end] of rows) {
    const range = parseAddressRange(line)!
    t.strictSame([hostOf(range.start), hostOf(range.end)], [start, end], line)
  }
  for (const line of ['', '  \r', '# 1.2.3.4', '; x', '// x', '1.2.3.0 - 1.2.3.255 , 128 , allowed'])
    t.equal(parseAddressRange(line), undefined, line)
  const invalid = [
    'x',
    '1.2.3',
    '1.2.3.4/33',
    '1.2.3.256',
    'x:1.2.3.9-1.2.3.1',
    'x:1.2.3.4-::1',
    '<html>',
    '::/129',
  ]
  for (const line of invalid) t.throws(() => parseAddressRange(line), { code: 'ERR_USAGE' }, line)
})

t.test(
  'a lookup in a set of ranges agrees with a search of all of them, also after it is encoded',
  async t => {
    const seed = randomInt(1 << 30)
    const random = generator(seed)
    const number = (max: number) => Math.floor(random() * max)
    for (const bytes of [4, 16]) {
      const addressOf = (value: number) => {
        const address = Buffer.alloc(bytes, bytes === 4 ? 200 : 0xfe)
        address.writeUInt16BE(value, bytes === 4 ? 2 : number(2) === 0 ? 6 : 14)
        return address
      }
      const ranges = Array.from({ length: 500 }, () => {
        const [a, b] = [addressOf(number(65_000)), addressOf(number(65_000))]
        const end = random() < 0.9 ? Buffer.from(a) : b
        if (end !== b) end[bytes - 1]! |= 15
        return a.compare(end) <= 0 ? { start: a, end } : { start: end, end: a }
      }).filter((_, index) => index % 25 < 20)
      const small = ranges.filter(({ start, end }) => start.compare(end, 0, bytes - 1, 0, bytes - 1) === 0)
      for (const given of [ranges, small]) {
        const set = AddressRanges.from(given)
        const decoded = AddressRanges.decode(set.encode())
        t.ok(set.size <= given.length && decoded.size === set.size)
        const probes = [
          ...given.flatMap(({ start, end }) => [start, end]),
          ...Array.from({ length: 300 }, () => addressOf(number(65_536))),
        ]
        const wrong = probes.filter(probe => {
          const expected = given.some(
            ({ start, end }) => start.compare(probe) <= 0 && probe.compare(end) <= 0,
          )
          return set.has(hostOf(probe)) !== expected || decoded.has(hostOf(probe)) !== expected
        })
        t.strictSame(wrong, [], `seed ${seed}`)
      }
    }
    const set = AddressRanges.from([parseAddressRange('1.2.3.0/24')!, parseAddressRange('fe80::/16')!])
    t.ok(set.has('::ffff:1.2.3.4') && set.has('fe80::1%eth0'))
    t.notOk(set.has('example.com') || set.has('::1') || set.has('1.2.4.0'))
    t.equal(AddressRanges.from([]).has('1.2.3.4'), false)
    t.throws(() => AddressRanges.decode(set.encode().subarray(1)), { code: 'ERR_USAGE' })
  },
)
