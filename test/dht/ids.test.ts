import fc from 'fast-check'
import t from 'tap'
import { hostOf } from '../../src/codec/compact.ts'
import { commonBits, compareDistance, fits, idFor, idNear } from '../../src/dht/node-id.ts'
import { canTellOf, networkOf, scopeOf } from '../../src/dht/scope.ts'

const id = fc.uint8Array({ minLength: 20, maxLength: 20 })
const runs = { seed: 20240801, numRuns: 300 }

t.test('the ids of the examples of BEP 42 fit their addresses', async t => {
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
    // The same bytes of chance make the same id: only 21 bits are not chance.
    t.equal(idFor(host, example).toString('hex'), hex)
    t.equal(example[19], chance)
    for (const bit of [0, 13, 20]) {
      const other = Buffer.from(example)
      other[bit >> 3]! ^= 0x80 >> (bit & 7)
      t.notOk(fits(other, host), `${host} with bit ${bit} turned`)
    }
    const other = Buffer.from(example)
    other[2]! ^= 7
    t.ok(fits(other, host), 'the bits behind the 21st are chance')
  }
})

t.test('an id made for an address fits it, also for IPv6, and seldom another', async t => {
  const host = fc
    .oneof(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.uint8Array({ minLength: 16, maxLength: 16 }))
    .map(hostOf)
  fc.assert(
    fc.property(host, id, (host, random) => fits(idFor(host, random), host)),
    runs,
  )
  t.notOk(fits(idFor('2001:db8::1', new Uint8Array(20)), '2001:db9::1'))
  t.ok(fits(idFor('2001:db8::1', new Uint8Array(20)), '2001:db8::2'), 'its last 64 bits do not count')
  t.notOk(fits(new Uint8Array(20), 'a name'))
})

t.test('on a local network every id is right', async t => {
  const local = ['127.0.0.1', '10.1.2.3', '172.16.0.1', '172.31.255.1', '192.168.9.9', '169.254.1.1']
  for (const host of [...local, '::1', 'fe80::1', 'fd00::1']) t.ok(fits(new Uint8Array(20), host), host)
  for (const host of ['172.32.0.1', '11.0.0.1', '192.169.0.1']) t.notOk(fits(new Uint8Array(20), host), host)
})

t.test('distance is that of exclusive or', async t => {
  fc.assert(
    fc.property(id, id, id, (target, a, b) => {
      const far = (from: Uint8Array) =>
        BigInt(`0x${Buffer.from(from.map((byte, at) => byte ^ target[at]!)).toString('hex')}`)
      const sign = far(a) < far(b) ? -1 : far(a) > far(b) ? 1 : 0
      return Math.sign(compareDistance(target, a, b)) === sign && compareDistance(target, a, a) === 0
    }),
    runs,
  )
  t.equal(commonBits(new Uint8Array(20), new Uint8Array(20)), 160)
})

t.test('an id near another shares so many bits with it, and no more', async t => {
  fc.assert(
    fc.property(id, fc.integer({ min: 0, max: 160 }), id, (own, bits, random) => {
      return commonBits(own, idNear(own, bits, random)) === bits
    }),
    runs,
  )
  t.pass()
})

t.test('nobody far away can tell of addresses that are near', async t => {
  const scopes = {
    none: ['0.0.0.0', '224.0.0.1', '255.255.255.255', '::', 'ff02::1', '::5', 'router.example', ''],
    loopback: ['127.0.0.1', '127.9.9.9', '::1'],
    local: ['10.0.0.1', '192.168.0.1', 'fe80::1', 'fc00::1'],
    global: ['1.2.3.4', '2001:db8::1'],
  }
  for (const [scope, hosts] of Object.entries(scopes))
    for (const host of hosts) t.equal(scopeOf(host), scope, host)
  const can = (teller: string, host: string) => canTellOf(teller, host)
  t.same(
    [can('1.2.3.4', '5.6.7.8'), can('1.2.3.4', '10.0.0.1'), can('1.2.3.4', '127.0.0.1')],
    [true, false, false],
  )
  t.same([can('10.0.0.1', '10.0.0.2'), can('10.0.0.1', '127.0.0.1')], [true, false])
  t.same([can('127.0.0.1', '127.0.0.2'), can('127.0.0.1', '10.0.0.1')], [true, true])
  t.notOk(can('127.0.0.1', '0.0.0.0'))
  t.equal(networkOf('1.2.3.4'), networkOf('1.2.3.5'))
  t.not(networkOf('1.2.3.4'), networkOf('1.2.4.4'))
  t.equal(networkOf('2001:db8::1'), networkOf('2001:db8::ffff:1'))
})
