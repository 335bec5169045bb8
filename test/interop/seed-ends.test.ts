import t from 'tap'
import { differences, interopSize, oddFiles } from '../helpers/counterparts/content.ts'
import { fetchWithLibtorrent, noLibtorrent, seedWithLibtorrent } from '../helpers/counterparts/libtorrent.ts'
import { scratch } from '../helpers/counterparts/process.ts'
import { getWithTsdl, seedWithTsdl } from '../helpers/counterparts/tsdl.ts'

const skip = noLibtorrent

t.test('a download with --seed-ratio 1 ends when it has uploaded one copy', { skip }, async t => {
  const content = oddFiles(scratch(t), interopSize())
  const seed = await seedWithLibtorrent(t, content)
  const tsdl = await getWithTsdl(t, content, scratch(t), [seed], ['--seed-ratio', '1'])
  await tsdl.event(({ event, verified }) => event === 'progress' && verified === content.length)
  const out = scratch(t)
  t.equal(await fetchWithLibtorrent(t, content, out, [tsdl.address]), '')
  t.strictSame(await differences(content, out), [])
  t.equal(await tsdl.ended, 0, tsdl.output().slice(-2000))
  const { uploaded } = await tsdl.event(({ event }) => event === 'done')
  t.ok((uploaded ?? 0) >= content.length, `gave ${uploaded} bytes of ${content.length}`)
})

t.test('with --seed-time 2s a download ends two seconds after it is complete', { skip }, async t => {
  const content = oddFiles(scratch(t), interopSize(4 << 20))
  const seed = await seedWithLibtorrent(t, content)
  const out = scratch(t)
  const tsdl = await getWithTsdl(t, content, out, [seed], ['--seed-time', '2s'])
  t.equal(await tsdl.ended, 0, tsdl.output().slice(-2000))
  const { elapsed } = await tsdl.event(({ event }) => event === 'done')
  t.ok((elapsed ?? 0) >= 2, `ended after ${elapsed} s`)
  t.strictSame(await differences(content, out), [])
})

t.test('SIGINT ends a seed that is uploading with 130 within two seconds', { skip }, async t => {
  const content = oddFiles(scratch(t), interopSize())
  const seed = await seedWithTsdl(t, content, ['--no-tracker', '--up', `${Math.floor(content.length / 30)}`])
  // It never completes. The end of the test stops it.
  void fetchWithLibtorrent(t, content, scratch(t), [seed.address])
  await seed.event(({ event, uploaded = 0 }) => event === 'progress' && uploaded > 0)
  const start = performance.now()
  seed.child.kill('SIGINT')
  t.equal(await seed.ended, 130, seed.output().slice(-2000))
  const took = performance.now() - start
  t.ok(took < 2000, `took ${Math.round(took)} ms`)
})
