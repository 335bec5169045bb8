import t from 'tap'
import { addressBytes } from '../../src/codec/address-bytes.ts'
import {
  canonicalAddress,
  canonicalHost,
  decodePeers4,
  decodePeers6,
  encodePeers4,
  encodePeers6,
  formatAddress,
  hostOf,
  parseAddress,
} from '../../src/codec/compact.ts'

const hex = (digits: string) => Buffer.from(digits.replaceAll(' ', ''), 'hex')

t.test('an IPv4 peer is 4 bytes of address and 2 bytes of big-endian port', async t => {
  t.same(decodePeers4(hex('01020304 1ae1 ff000001 0050')), [
    { host: '1.2.3.4', port: 6881 },
    { host: '255.0.0.1', port: 80 },
  ])
})

t.test('a partial entry at the end is ignored', async t => {
  t.same(decodePeers4(hex('01020304 1ae1 010203')), [{ host: '1.2.3.4', port: 6881 }])
  t.same(decodePeers6(hex('00'.repeat(17))), [])
})

t.test('a peer with port 0 is ignored', async t => {
  t.same(decodePeers4(hex('01020304 0000 01020305 0001')), [{ host: '1.2.3.5', port: 1 }])
})

t.test('IPv6 addresses are formatted as canonical text', async t => {
  const cases: [string, string][] = [
    ['0000 0000 0000 0000 0000 0000 0000 0001', '::1'],
    ['0000 0000 0000 0000 0000 0000 0000 0000', '::'],
    ['2001 0db8 0000 0000 0001 0000 0000 0001', '2001:db8::1:0:0:1'],
    ['2001 0db8 0000 0001 0001 0001 0001 0001', '2001:db8:0:1:1:1:1:1'],
    ['2001 0000 0000 0001 0000 0000 0000 0001', '2001:0:0:1::1'],
    ['fe80 0000 0000 0000 0000 0000 0000 0000', 'fe80::'],
  ]
  for (const [bytes, host] of cases) {
    t.same(decodePeers6(hex(`${bytes} 0050`)), [{ host, port: 80 }], host)
    t.same(addressBytes(host), hex(bytes), `${host} and back`)
  }
})

t.test('an IPv4-mapped address becomes an IPv4 address', async t => {
  t.same(decodePeers6(hex('00000000 00000000 0000ffff 01020304 0050')), [{ host: '1.2.3.4', port: 80 }])
  t.same(parseAddress('[::ffff:1.2.3.4]:80'), { host: '1.2.3.4', port: 80 })
})

t.test('every spelling of a host has the same canonical form', async t => {
  const spelled = {
    '10.0.0.3': [
      '10.0.0.3',
      '::ffff:10.0.0.3',
      '::FFFF:a00:3',
      '0:0:0:0:0:ffff:10.0.0.3',
      '::ffff:10.0.0.3%eth0',
    ],
    '2001:db8::1': ['2001:DB8:0:0:0:0:0:1', '2001:0db8::0001', '2001:db8::1%eth0'],
    '::1': ['::1', '0:0:0:0:0:0:0:1'],
    'fe80::1%eth0': ['fe80::1%eth0', 'FE80:0::1%eth0'],
    'Peer.example': ['Peer.example'],
    '1.2.3.4.5': ['1.2.3.4.5'],
    'a%b': ['a%b'],
  }
  for (const [host, spellings] of Object.entries(spelled))
    for (const spelling of spellings) t.equal(canonicalHost(spelling), host, spelling)
  t.same(canonicalAddress({ host: '::ffff:10.0.0.3', port: 9 }), { host: '10.0.0.3', port: 9 })
})

t.test('only addresses of the family are encoded, and no host names', async t => {
  const peers = [
    { host: '1.2.3.4', port: 6881 },
    { host: '::1', port: 258 },
    { host: 'a.example', port: 1 },
  ]
  t.same(encodePeers4(peers), hex('01020304 1ae1'))
  t.same(encodePeers6(peers), hex(`${'00'.repeat(15)}01 0102`))
})

t.test('an address of any other length is rejected', async t => {
  t.throws(() => hostOf(Buffer.alloc(5)), { code: 'ERR_USAGE', message: /got 5/ })
})

t.test('a formatted address is parsed back', async t => {
  for (const value of ['1.2.3.4:80', '[::1]:80', 'peer-1.example:65535']) {
    t.equal(formatAddress(parseAddress(value)), value)
  }
  t.same(parseAddress('[2001:DB8:0:0:0:0:0:1]:9'), { host: '2001:db8::1', port: 9 })
})

t.test('an invalid address is rejected with a message that names it', async t => {
  const wrong = ['', 'host', 'host:0', 'host:65536', 'host:-1', ':80', '::1:80', '[::1]', '[::1%eth0]:1']
  for (const value of [...wrong, '1.2.3:80', '1.2.3.256:80', 'a b:80', '[a]:1', 'a/b:1', 'host:1\n']) {
    t.throws(() => parseAddress(value), { code: 'ERR_USAGE' }, JSON.stringify(value))
  }
  t.throws(() => parseAddress('a\u001b:0'), {
    message: 'expected HOST:PORT or [IPV6]:PORT, got "a\\u001b:0"',
  })
})
