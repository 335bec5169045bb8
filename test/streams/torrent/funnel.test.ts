import t from 'tap'
import { type Block, PieceBuffer } from '../../../src/streams/piece-buffer.ts'
import { Readable, type Sink } from '../../../src/streams/stage.ts'
import { Funnel } from '../../../src/streams/torrent/funnel.ts'
import { settle } from '../../helpers/virtual-clock.ts'

const piece = new PieceBuffer(0, 16384)
const block = (begin: number): Block => ({ piece, begin, length: 1 })
/** Writes until `write` returns false. @returns the number of accepted items */
function fill(inlet: Sink<Block>, from = 0): number {
  let count = 0
  while (inlet.write(block(from + count)) && count < 10_000) count++
  return count + 1
}
function watch(stage: Sink<Block>) {
  const seen = { drained: 0, closed: 0 }
  stage.on('drain', () => seen.drained++)
  stage.on('close', () => seen.closed++)
  return seen
}

t.test('the blocks of all inlets come out, those of each inlet in order', async t => {
  const funnel = new Funnel()
  const out: number[] = []
  funnel.on('data', ({ begin }) => out.push(begin))
  const inlets = [0, 1, 2].map(() => funnel.inlet())
  for (let at = 0; at < 300; at++) inlets[at % 3]!.write(block(at))
  await settle()
  t.equal(out.length, 300)
  for (const which of [0, 1, 2]) {
    const own = out.filter(begin => begin % 3 === which)
    t.same(
      own,
      own.toSorted((a, b) => a - b),
    )
  }
})

t.test('the end or failure of an inlet affects neither the others nor the funnel', async t => {
  const funnel = new Funnel()
  const out: number[] = []
  funnel.on('data', ({ begin }) => out.push(begin))
  const [ends, fails, stays] = [funnel.inlet(), funnel.inlet(), funnel.inlet()]
  const errors: Error[] = []
  fails.on('error', error => errors.push(error))
  ends.write(block(1))
  ends.end()
  await settle()
  fails.destroy(new Error('gone'))
  await settle()
  t.equal(ends.destroyed, true)
  t.match(errors, [{ message: 'gone' }])
  stays.write(block(2))
  funnel.inlet().write(block(3))
  await settle()
  t.same(out, [1, 2, 3])
  t.equal(funnel.destroyed, false)
  t.equal(stays.destroyed, false)
})

t.test('a source that fails while it is piped fails its inlet and nothing else', async t => {
  const funnel = new Funnel()
  funnel.resume()
  const source = new Readable<Block>()
  const inlet = source.pipe(funnel.inlet(), () => {})
  source.push(block(1))
  await settle()
  source.destroy(new Error('reset'))
  await settle()
  t.equal(inlet.destroyed, true)
  t.equal(funnel.destroyed, false)
})

t.test('inlets wait while 64 blocks wait, and all continue when those were read', async t => {
  const funnel = new Funnel()
  const inlets = [funnel.inlet(), funnel.inlet(), funnel.inlet()]
  let written = 0
  for (const inlet of inlets) {
    written += fill(inlet)
    await settle()
    written += fill(inlet)
    await settle()
  }
  const seen = inlets.map(watch)
  t.ok(written <= 64 * 5 + 6, `${written} blocks taken`)
  await settle()
  t.same(
    seen.map(({ drained }) => drained),
    [0, 0, 0],
  )
  let out = 0
  funnel.on('data', () => out++)
  await settle()
  t.equal(out, written, 'nothing was lost')
  t.same(
    seen.map(({ drained }) => drained),
    [1, 1, 1],
  )
})

t.test('destroying the funnel answers every inlet that waits', async t => {
  const funnel = new Funnel()
  const inlets = [funnel.inlet(), funnel.inlet()]
  for (const inlet of inlets) fill(inlet)
  await settle()
  const seen = inlets.map(watch)
  funnel.destroy()
  await settle()
  for (const [at, inlet] of inlets.entries()) {
    t.equal(seen[at]!.drained, 1, 'it can be written to, into nothing')
    t.equal(inlet.destroyed, false, 'and is not destroyed: its peer may have other reasons to live')
    inlet.end()
  }
  await settle()
  t.same(
    seen.map(({ closed }) => closed),
    [1, 1],
  )
})

t.test('a funnel that is ended while inlets wait answers each of them and ends', async t => {
  const funnel = new Funnel()
  const inlets = [funnel.inlet(), funnel.inlet()]
  const written = inlets.reduce((sum, inlet) => sum + fill(inlet), 0)
  await settle()
  const seen = inlets.map(watch)
  funnel.end()
  for (const inlet of inlets) inlet.end()
  let out = 0
  for await (const _ of funnel) out++
  await settle()
  t.same(
    seen.map(({ closed }) => closed),
    [1, 1],
  )
  t.ok(out >= 64 && out <= written, `${out} of ${written}`)
})

t.test('a block that comes after the end of the funnel is dropped, and delays nothing', async t => {
  const funnel = new Funnel()
  funnel.resume()
  const inlet = funnel.inlet()
  const seen = watch(inlet)
  funnel.end()
  await settle()
  inlet.write(block(1))
  inlet.end()
  await settle()
  t.equal(seen.closed, 1)
})

t.test('an inlet that is destroyed while it waits closes once the funnel continues', async t => {
  const funnel = new Funnel()
  const [full, other] = [funnel.inlet(), funnel.inlet()]
  fill(full)
  await settle()
  fill(other)
  await settle()
  const seen = watch(other)
  other.destroy()
  funnel.resume()
  await settle()
  t.equal(seen.closed, 1)
  t.equal(full.destroyed, false)
})
