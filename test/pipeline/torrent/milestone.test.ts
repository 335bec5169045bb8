import t from 'tap'
import { Milestone } from '../../../src/pipeline/torrent/milestone.ts'

t.test(
  'a promise that is read before or after the event settles with it, and only the first event counts',
  async t => {
    for (const isReadBefore of [true, false]) {
      const reached = new Milestone<number>()
      const missed = new Milestone<number>()
      const before = isReadBefore ? [reached.promise, missed.promise] : []
      reached.reach(1)
      reached.miss(new Error('later'))
      missed.miss(new Error('missed'))
      missed.reach(2)
      t.equal(await (before[0] ?? reached.promise), 1)
      await t.rejects(before[1] ?? missed.promise, { message: 'missed' })
      t.equal(reached.promise, reached.promise, 'one promise')
    }
  },
)
