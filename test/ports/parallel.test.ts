import t from 'tap'
import { forEachInParallel } from '../../src/ports/parallel.ts'
import { settle } from '../helpers/virtual-clock.ts'

/** Creates work that ends when the test ends it. */
class Work {
  readonly begun: number[] = []
  readonly #pending = new Map<number, { resolve: () => void; reject: (error: Error) => void }>()

  begin = (item: number): Promise<void> => {
    this.begun.push(item)
    return new Promise((resolve, reject) => this.#pending.set(item, { resolve, reject }))
  }

  async end(item: number, error?: Error): Promise<void> {
    if (error) this.#pending.get(item)!.reject(error)
    else this.#pending.get(item)!.resolve()
    await settle()
  }
}

t.test('each item is worked on once, in order, and no more than the limit at once', async t => {
  const work = new Work()
  const all = forEachInParallel([0, 1, 2, 3, 4].values(), 2, work.begin)
  t.same(work.begun, [0, 1])
  await work.end(1)
  t.same(work.begun, [0, 1, 2])
  await work.end(0)
  await work.end(2)
  t.same(work.begun, [0, 1, 2, 3, 4])
  await work.end(3)
  await work.end(4)
  await all
})

t.test('fewer items than the limit, or none, end as well', async t => {
  const work = new Work()
  await forEachInParallel([], 4, work.begin)
  const all = forEachInParallel([7], 4, work.begin)
  t.same(work.begun, [7])
  await work.end(7)
  await all
})

t.test(
  'after a failure no item is begun, and the first error is given when the others have ended',
  async t => {
    const work = new Work()
    let error: unknown
    forEachInParallel([0, 1, 2, 3], 2, work.begin).catch(reason => (error = reason))
    const first = new Error('first')
    await work.end(1, first)
    t.equal(error, undefined, 'another item is not done')
    await work.end(0, new Error('second'))
    t.equal(error, first)
    t.same(work.begun, [0, 1])
  },
)
