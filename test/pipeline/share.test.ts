import { EventEmitter } from 'node:events'
import t from 'tap'
import { type ShareOptions, share } from '../../src/pipeline/share.ts'
import type { Torrent } from '../../src/pipeline/torrent.ts'
import { VirtualClock } from '../helpers/virtual-clock.ts'

/** A shared torrent of which only the ratio is known. */
function setup(options: ShareOptions) {
  const clock = new VirtualClock()
  const torrent = Object.assign(new EventEmitter(), { progress: { ratio: 0 } })
  const state = { over: false }
  void share(torrent as unknown as Torrent, { clock, ...options }).then(() => {
    state.over = true
  })
  return { clock, torrent, state }
}

t.test('sharing ends when the ratio is reached', async t => {
  const { clock, torrent, state } = setup({ ratio: 1.5 })
  torrent.progress.ratio = 1.49
  await clock.advance(3_600_000)
  t.equal(state.over, false)
  torrent.progress.ratio = 1.5
  await clock.advance(1000)
  t.equal(state.over, true)
  t.equal(clock.pending, 0)
  t.equal(torrent.listenerCount('close'), 0)
})

t.test('sharing ends when the time has passed, counted from the call', async t => {
  const { clock, state } = setup({ time: 60_000, ratio: 2 })
  await clock.advance(59_000)
  t.equal(state.over, false)
  await clock.advance(1500)
  t.equal(state.over, true)
  t.equal(clock.pending, 0)
})

t.test('a time or a ratio of zero ends sharing at once', async t => {
  for (const options of [{ time: 0 }, { ratio: 0 }]) {
    const { clock, state, torrent } = setup(options)
    await clock.advance(0)
    t.equal(state.over, true)
    t.equal(torrent.listenerCount('close'), 0)
  }
})

t.test('without a limit, sharing continues until the torrent is closed', async t => {
  const { clock, torrent, state } = setup({})
  torrent.progress.ratio = 1e9
  await clock.advance(600_000)
  t.equal(state.over, false)
  torrent.emit('close')
  await clock.advance(0)
  t.equal(state.over, true)
  t.equal(clock.pending, 0, 'and leaves no timer')
})
