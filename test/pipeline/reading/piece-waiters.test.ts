import t from 'tap'
import { PieceWaiters } from '../../../src/pipeline/reading/piece-waiters.ts'
import { settle } from '../../helpers/virtual-clock.ts'

t.test('a piece that arrives answers every waiter for it, and no other waiter', async t => {
  const arrivals = new PieceWaiters()
  const answers: string[] = []
  for (const [name, index] of [
    ['a', 1],
    ['b', 1],
    ['c', 2],
  ] as const) {
    void arrivals.wait(index).then(() => answers.push(name))
  }
  arrivals.wake(0)
  await settle()
  t.same(answers, [])
  arrivals.wake(1)
  await settle()
  t.same(answers, ['a', 'b'])
  arrivals.wake(1)
  arrivals.wake(2)
  await settle()
  t.same(answers, ['a', 'b', 'c'])
})

t.test('the end answers current and later waiters with the first reason', async t => {
  const arrivals = new PieceWaiters()
  const waiting = [arrivals.wait(1), arrivals.wait(2)]
  arrivals.end(new Error('closed'))
  arrivals.end(new Error('again'))
  for (const wait of [...waiting, arrivals.wait(3)]) await t.rejects(wait, { message: 'closed' })
})
