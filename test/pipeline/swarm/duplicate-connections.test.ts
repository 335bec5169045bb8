import t from 'tap'
import { isSamePeer, resolveDuplicate } from '../../../src/pipeline/swarm/duplicate-connections.ts'

const id = (byte: number) => new Uint8Array(20).fill(byte)
const connection = (incoming: boolean, readyAt = 0, peerId = id(5), host = '127.0.0.1') => ({
  ...{ incoming, readyAt, peerId },
  address: { host },
})

t.test('two connections are to one peer if peer id and IP address are equal', async t => {
  const one = connection(true)
  t.ok(isSamePeer(one, connection(false)))
  t.notOk(isSamePeer(one, connection(false, 0, id(6))))
  t.notOk(isSamePeer(one, connection(false, 0, id(5), '127.0.0.2')))
  t.notOk(isSamePeer(one, { ...one, peerId: undefined }))
})

t.test('of two simultaneous connections, both sides keep the one that the greater id dialled', async t => {
  for (const firstIsOurs of [true, false]) {
    const ours = connection(!firstIsOurs)
    const second = connection(firstIsOurs)
    const { keep, simultaneous } = resolveDuplicate(ours, second, id(9), 1000)
    t.equal(keep, firstIsOurs ? 'first' : 'second', 'our id is the greater')
    t.ok(simultaneous)
    t.equal(resolveDuplicate(ours, second, id(1), 1000).keep, firstIsOurs ? 'second' : 'first')
  }
})

t.test('a later connection, or one in the same direction, never replaces the first', async t => {
  for (const own of [id(1), id(9)]) {
    t.strictSame(resolveDuplicate(connection(true), connection(false), own, 2001), {
      ...{ keep: 'first', simultaneous: false },
    })
    t.equal(resolveDuplicate(connection(true), connection(true), own, 0).keep, 'first')
  }
})
