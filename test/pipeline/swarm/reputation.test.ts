import t from 'tap'
import { addressKey } from '../../../src/codec/address-key.ts'
import { Reputation } from '../../../src/pipeline/swarm/reputation.ts'

const HOUR_MS = 3_600_000

function setup() {
  const time = { now: 0 }
  return { time, reputation: new Reputation(() => time.now) }
}

t.test('an IPv4 address counts whole, an IPv6 address by its /64, a mapped one as IPv4', async t => {
  t.equal(addressKey('1.2.3.4'), '1.2.3.4')
  t.equal(addressKey('::ffff:1.2.3.4'), '1.2.3.4')
  t.equal(addressKey('2001:db8:1:2:3:4:5:6'), '2001:db8:1:2::/64')
  t.equal(addressKey('2001:db8:1:2::9'), addressKey('2001:db8:1:2:ffff::1'))
  t.not(addressKey('2001:db8:1:3::9'), addressKey('2001:db8:1:2::9'))
  t.equal(addressKey('fe80::1%eth0'), 'fe80::/64')
  t.equal(addressKey('peer.example'), 'peer.example')
})

t.test('the second strike bans the address on all ports for an hour', async t => {
  const { reputation, time } = setup()
  t.equal(reputation.strike('1.2.3.4:1', 'lies'), false, 'once may be an accident')
  t.equal(reputation.findBanReason('1.2.3.4'), undefined)
  t.equal(reputation.strike('1.2.3.4:2', 'lies'), true)
  t.equal(reputation.findBanReason('1.2.3.4'), 'lies')
  t.equal(reputation.findBanReason('::ffff:1.2.3.4'), 'lies')
  t.equal(reputation.findBanReason('1.2.3.5'), undefined)
  time.now = HOUR_MS - 1
  t.equal(reputation.findBanReason('1.2.3.4'), 'lies')
  time.now = HOUR_MS
  t.equal(reputation.findBanReason('1.2.3.4'), undefined)
})

t.test(
  'after a ban one strike is enough for the next, which is twice as long; a day without strikes clears all',
  async t => {
    const { reputation, time } = setup()
    reputation.strike('1.2.3.4:1', 'lies')
    reputation.strike('1.2.3.4:1', 'lies')
    for (const hours of [2, 4, 8, 16, 24, 24]) {
      while (reputation.findBanReason('1.2.3.4')) time.now += HOUR_MS / 4
      const from = time.now
      t.equal(reputation.strike('1.2.3.4:9', 'lies'), true)
      while (reputation.findBanReason('1.2.3.4')) time.now += HOUR_MS / 4
      t.equal((time.now - from) / HOUR_MS, hours)
    }
    time.now += 25 * HOUR_MS
    t.equal(reputation.strike('1.2.3.4:9', 'lies'), false)
    time.now += 2 * HOUR_MS
    t.equal(reputation.strike('1.2.3.4:9', 'lies'), false, 'a strike alone is forgotten after an hour')
  },
)

t.test(
  'valid pieces from other peers of the address offset strikes; those of the guilty peer do not',
  async t => {
    const { reputation } = setup()
    const honest = {}
    reputation.strike('1.2.3.4:1', 'lies')
    reputation.strike('1.2.3.4:1', 'lies')
    for (let n = 0; n < 100; n++) reputation.credit({}, '1.2.3.4:1')
    for (let n = 0; n < 100; n++) reputation.credit({}, '5.6.7.8:1')
    t.equal(reputation.findBanReason('1.2.3.4'), 'lies')
    for (let n = 0; n < 7; n++) reputation.credit(honest, '1.2.3.4:2')
    t.equal(reputation.findBanReason('1.2.3.4'), 'lies')
    reputation.credit(honest, '1.2.3.4:2')
    t.equal(reputation.findBanReason('1.2.3.4'), undefined)
    t.equal(reputation.strike('1.2.3.4:3', 'lies again'), true, 'the next lie of the address counts at once')
    t.equal(reputation.findBanReason('1.2.3.4'), 'lies again')
  },
)

t.test('the guilty peers, and unproven peers at their address, are on parole', async t => {
  const { reputation, time } = setup()
  const [guilty, proven, fresh, other] = [{}, {}, {}, {}]
  reputation.credit(guilty, '1.2.3.4:1')
  reputation.credit(proven, '1.2.3.4:2')
  t.equal(reputation.isOnParole(fresh, '1.2.3.4:3'), false, 'nothing is held against the address')
  reputation.strike('1.2.3.4:1', 'lies')
  t.equal(reputation.isOnParole(guilty, '1.2.3.4:1'), true)
  t.equal(reputation.isOnParole(proven, '1.2.3.4:2'), false)
  t.equal(reputation.isOnParole(fresh, '1.2.3.4:3'), true)
  t.equal(reputation.isOnParole(other, '5.6.7.8:3'), false)
  reputation.credit(fresh, '1.2.3.4:3')
  t.equal(reputation.isOnParole(fresh, '1.2.3.4:3'), false)
  time.now = HOUR_MS + 1
  t.equal(reputation.isOnParole(guilty, '1.2.3.4:1'), false, 'it is forgotten')
})

t.test('a web seed is identified by its name, an IPv6 peer by its network', async t => {
  const { reputation } = setup()
  reputation.strike('http://1.2.3.4:80/x', 'lies')
  t.equal(reputation.strike('http://1.2.3.4:80/x', 'lies'), true)
  t.equal(reputation.findBanReason('1.2.3.4'), undefined)
  reputation.strike('[2001:db8::1]:80', 'lies')
  t.equal(reputation.strike('[2001:db8::2]:81', 'lies'), true)
  t.equal(reputation.findBanReason('2001:db8::3'), 'lies')
})

t.test('a million addresses with a strike each fill a bounded table', async t => {
  const { reputation } = setup()
  for (let n = 0; n < 5000; n++) reputation.strike(`10.0.${n >> 8}.${n & 255}:1`, 'lies')
  t.equal(reputation.strike('10.0.0.0:1', 'lies'), false, 'the oldest was forgotten')
  t.equal(reputation.strike(`10.0.${4999 >> 8}.${4999 & 255}:1`, 'lies'), true)
})
