import t from 'tap'
import { parseAddressRange } from '../../../src/codec/address-range.ts'
import { AddressRanges } from '../../../src/codec/address-ranges.ts'
import type { PeerContext } from '../../../src/pipeline/peer/peer-context.ts'
import { Candidates } from '../../../src/pipeline/swarm/candidates.ts'
import { ConnectionSlots } from '../../../src/pipeline/swarm/connection-slots.ts'
import { Dialler } from '../../../src/pipeline/swarm/dialler.ts'
import { Reputation } from '../../../src/pipeline/swarm/reputation.ts'
import { VirtualClock } from '../../helpers/virtual-clock.ts'

const at = (port: number) => ({ host: '10.0.0.1', port })

t.test('an address is dialled once at a time, the longest known first', async t => {
  const candidates = new Candidates()
  t.equal(candidates.add(at(1), 'a'), true)
  t.equal(candidates.add(at(2), 'a'), true)
  t.equal(candidates.add(at(1), 'b'), false)
  t.equal(candidates.size, 2)
  t.equal(candidates.idleCount, 2)
  const first = candidates.takeNext(0)!
  t.same(first.address, at(1))
  t.same(candidates.takeNext(0)!.address, at(2))
  t.equal(candidates.takeNext(0), undefined)
  t.equal(candidates.idleCount, 0)
  candidates.onClose(first, 0, false)
  t.equal(candidates.idleCount, 1)
})

t.test('each failed attempt doubles the wait, up to ten minutes', async t => {
  const candidates = new Candidates()
  candidates.add(at(1), 'a')
  let now = 0
  const waits: number[] = []
  for (let n = 0; n < 12; n++) {
    const candidate = candidates.takeNext(now)!
    candidates.onClose(candidate, now, false)
    t.equal(candidates.takeNext(candidate.notBefore - 1), undefined)
    waits.push(candidate.notBefore - now)
    now = candidate.notBefore
  }
  t.same(waits.slice(0, 4), [2000, 4000, 8000, 16_000])
  t.same(waits.slice(-2), [600_000, 600_000])
})

t.test('a peer that gave data is dialled again soon, but never at once', async t => {
  const candidates = new Candidates()
  candidates.add(at(1), 'a')
  let now = 0
  for (let n = 0; n < 5; n++) {
    const candidate = candidates.takeNext(now)!
    candidates.onClose(candidate, now, n > 2)
    now = candidate.notBefore
  }
  const candidate = candidates.takeNext(now)!
  candidates.onClose(candidate, now, true)
  t.equal(candidate.notBefore - now, 2000)
})

t.test('an address that is not allowed is skipped, and dialled once it is allowed', async t => {
  const candidates = new Candidates()
  candidates.add(at(1), 'a')
  candidates.add(at(2), 'a')
  t.same(candidates.takeNext(0, { mayDial: ({ address }) => address.port !== 1 })?.address, at(2))
  t.equal(candidates.takeNext(0, { mayDial: () => false }), undefined)
  t.same(candidates.takeNext(2000)?.address, at(1))
})

t.test('a tracker that names a million addresses fills a bounded table', async t => {
  const candidates = new Candidates()
  for (let port = 0; port < 10_000; port++) candidates.add(at(port), 'a')
  t.ok(candidates.size < 10_000)
})

t.test('addresses that were dialled go to the end of the queue', async t => {
  const candidates = new Candidates()
  for (const port of [1, 2, 3]) candidates.add(at(port), 'a')
  const turns: number[] = []
  for (let now = 0; now < 1e6; now += 1e5) {
    const candidate = candidates.takeNext(now)!
    turns.push(candidate.address.port)
    candidates.onClose(candidate, now, true)
  }
  t.same(turns, [1, 2, 3, 1, 2, 3, 1, 2, 3, 1])
})

t.test('a peer that connected to us and names its port is not dialled there', async t => {
  const candidates = new Candidates()
  candidates.add(at(1), 'tracker')
  const known = candidates.claim(at(1), 'incoming')!
  t.same([known.source, known.connected], ['tracker', true])
  t.equal(candidates.takeNext(0), undefined)
  const unknown = candidates.claim(at(2), 'incoming')!
  t.same([unknown.source, unknown.connected], ['incoming', true])
  t.equal(candidates.claim(at(2), 'incoming'), undefined, 'it is connected already')
  candidates.onClose(unknown, 0, true)
  t.equal(candidates.takeNext(2000), unknown, 'and later it may be dialled')
})

t.test('an address that is being dialled is not claimed by another connection', async t => {
  const candidates = new Candidates()
  candidates.add(at(1), 'a')
  candidates.takeNext(0)
  t.equal(candidates.claim(at(1), 'incoming'), undefined)
})

t.test('a peer can be excluded by its address while it is not connected', async t => {
  const candidates = new Candidates()
  candidates.add(at(1), 'a')
  candidates.restAt('10.0.0.1:1', 0, 3_600_000)
  candidates.restAt('10.0.0.1:2', 0, 3_600_000)
  t.equal(candidates.takeNext(3_599_999), undefined)
  t.same(candidates.takeNext(3_600_000)?.address, at(1))
  t.equal(candidates.size, 1)
})

t.test('a useless peer is excluded for the given time, and never for less than before', async t => {
  const candidates = new Candidates()
  candidates.add(at(1), 'a')
  const candidate = candidates.takeNext(0)!
  candidates.onClose(candidate, 0, true)
  candidates.rest(candidate, 0, 600_000)
  candidates.rest(candidate, 0, 5)
  t.equal(candidates.takeNext(599_999), undefined)
  t.equal(candidates.takeNext(600_000), candidate)
})

t.test(
  'a peer that refuses our encryption mode is tried once with the other, and the working mode is kept',
  async t => {
    const candidates = new Candidates()
    candidates.add(at(1), 'a')
    const candidate = candidates.takeNext(0)!
    t.equal(candidate.encrypted, false)
    t.equal(candidates.switchEncryption(candidate), true)
    t.equal(candidate.encrypted, true, 'encrypted at once')
    t.equal(candidates.switchEncryption(candidate), false, 'both were refused')
    t.equal(candidate.encrypted, false, 'as before the next time')
    candidates.switchEncryption(candidate)
    candidates.onHandshake(candidate)
    candidates.onClose(candidate, 0, true)
    const again = candidates.takeNext(10_000)!
    t.equal(again.encrypted, true, 'as it worked')
    t.equal(candidates.switchEncryption(again), true, 'and that, too, may be refused one day')
    t.equal(again.encrypted, false)
  },
)

t.test('a blocked address is not dialled while it is blocked', async t => {
  const blocklist: { ranges: AddressRanges | undefined } = {
    ranges: AddressRanges.from([parseAddressRange('1.2.3.0/24')!]),
  }
  const clock = new VirtualClock()
  const dialler = new Dialler({
    ...{
      blocklist,
      context: { clock } as unknown as PeerContext,
      reputation: new Reputation(() => clock.now()),
    },
    slots: new ConnectionSlots({ maxPeers: 10 }),
  })
  const address = { host: '1.2.3.4', port: 1 }
  dialler.candidates.add(address, 'tracker', { now: clock.now() })
  t.equal(dialler.takeNext(), undefined)
  blocklist.ranges = undefined
  await clock.advance(2000)
  t.same(dialler.takeNext()?.address, address)
})
