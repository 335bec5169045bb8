import fc from 'fast-check'
import t from 'tap'
import { hostOf } from '../../src/codec/compact.ts'
import { commonBits, compareDistance, fits, idFor, idNear } from '../../src/dht/node-id.ts'
import { isLocal, isUnicast, networkOf } from '../../src/dht/scope.ts'

const id = fc.uint8Array({ minLength: 20, maxLength: 20 })
const runs = { seed: 20240801, numRuns: 300 }

t.test('the ids in the examples of BEP 42 are valid for their addresses', async t => {
  const rows: [string, number, string][] = [
    ['124.31.75.21', 1, '5fbfbff10c5d6a4ec8a88e4c6ab4c28b95eee401'],
    ['21.75.31.124', 86, '5a3ce9c14e7a08645677bbd1cfe7d8f956d53256'],
    ['65.23.51.170', 22, 'a5d43220bc8f112a3d426c84764f8c2a1150e616'],
    ['84.124.73.14', 65, '1b0321dd1bb1fe518101ceef99462b947a01ff41'],
    ['43.213.53.83', 90, 'e56f6cbf5b7c4be0237986d5243b87aa6d51305a'],
  ]
  for (const [host, chance, hex] of rows) {
    const example = Buffer.from(hex, 'hex')
    t.ok(fits(example, host), host)
    // The same random bytes give the same id: only 21 bits depend on the address.
    t.equal(idFor(host, example).toString('hex'), hex)
    t.equal(example[19], chance)
    for (const bit of [0, 13, 20]) {
      const other = Buffer.from(example)
      other[bit >> 3]! ^= 0x80 >> (bit & 7)
      t.notOk(fits(other, host), `${host} with bit ${bit} turned`)
    }
    const other = Buffer.from(example)
    other[2]! ^= 7
    t.ok(fits(other, host), 'the bits after the 21st are random')
  }
})

t.test('an id for an address is valid for it, also for IPv6, and rarely for another', async t => {
  const host = fc
    .oneof(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.uint8Array({ minLength: 16, maxLength: 16 }))
    .map(hostOf)
  fc.assert(
    fc.property(host, id, (host, random) => fits(idFor(host, random), host)),
    runs,
  )
  t.notOk(fits(idFor('2600:db8::1', new Uint8Array(20)), '2600:db9::1'))
  t.ok(
    fits(idFor('2600:db8::1', new Uint8Array(20)), '2600:db8::2'),
    'the last 64 bits of the address are not used',
  )
  t.notOk(fits(new Uint8Array(20), 'a name'))
})

t.test('every id is valid on a local network', async t => {
  const local = ['127.0.0.1', '10.1.2.3', '172.16.0.1', '172.31.255.1', '192.168.9.9', '169.254.1.1']
  for (const host of [...local, '::1', 'fe80::1', 'fd00::1']) t.ok(fits(new Uint8Array(20), host), host)
  for (const host of ['172.32.0.1', '11.0.0.1', '192.169.0.1']) t.notOk(fits(new Uint8Array(20), host), host)
})

t.test('the distance is the XOR of two ids', async t => {
  fc.assert(
    fc.property(id, id, id, (target, a, b) => {
      const distanceFrom = (from: Uint8Array) =>
        BigInt(`0x${Buffer.from(from.map((byte, at) => byte ^ target[at]!)).toString('hex')}`)
      const sign = distanceFrom(a) < distanceFrom(b) ? -1 : distanceFrom(a) > distanceFrom(b) ? 1 : 0
      return Math.sign(compareDistance(target, a, b)) === sign && compareDistance(target, a, a) === 0
    }),
    runs,
  )
  t.equal(commonBits(new Uint8Array(20), new Uint8Array(20)), 160)
})

t.test('idNear shares exactly the given number of bits', async t => {
  fc.assert(
    fc.property(id, fc.integer({ min: 0, max: 160 }), id, (own, bits, random) => {
      return commonBits(own, idNear(own, bits, random)) === bits
    }),
    runs,
  )
  t.pass()
})

t.test('a network is a /24 of IPv4 and a /64 of IPv6', async t => {
  t.equal(networkOf('1.2.3.4'), networkOf('1.2.3.5'))
  t.not(networkOf('1.2.3.4'), networkOf('1.2.4.4'))
  t.equal(networkOf('2600:db8::1'), networkOf('2600:db8::ffff:1'))
})

t.test('local networks are exempt from BEP 42, carrier-grade NAT is not', async t => {
  for (const host of ['127.0.0.1', '10.0.0.1', '169.254.1.1', '192.168.0.1', 'fe80::1', 'fc00::1', '::1'])
    t.ok(isLocal(host), host)
  for (const host of ['1.2.3.4', '100.64.0.1', '2600:db8::1', '192.0.2.1', 'localhost'])
    t.notOk(isLocal(host), host)
})

t.test('unspecified and multicast addresses have no node', async t => {
  for (const host of [
    '0.0.0.0',
    '224.0.0.1',
    '255.255.255.255',
    '::',
    'ff02::1',
    '::5',
    'router.example',
    '',
  ])
    t.notOk(isUnicast(host), host)
  for (const host of ['127.0.0.1', '10.0.0.1', '100.64.0.1', '1.2.3.4', 'fe80::1'])
    t.ok(isUnicast(host), host)
})
