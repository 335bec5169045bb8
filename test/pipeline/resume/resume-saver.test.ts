import t from 'tap'
import { Bitfield } from '../../../src/codec/bitfield.ts'
import { ResumeSaver } from '../../../src/pipeline/resume/resume-saver.ts'
import type { PartialBlocks } from '../../../src/storage/resume-encoding.ts'

function bits(size: number, indexes: number[]): Bitfield {
  const set = new Bitfield(size)
  for (const index of indexes) set.add(index)
  return set
}

function saverOf(trusted: Bitfield, partial: PartialBlocks = new Map()) {
  const written: number[][] = []
  const saver = new ResumeSaver({
    resume: {
      read: async () => ({ trusted, sample: [] }),
      write: async pieces => {
        written.push([...pieces])
      },
    },
    recheck: { trusted: () => trusted },
  })
  saver.on('warning', error => t.fail(error.message))
  const save = () => saver.write({ savePartial: async () => partial })
  return { saver, save, written }
}

t.test('a record that names the same pieces and blocks is not written again', async t => {
  const partial = new Map([[3, bits(4, [0, 2])]])
  const { saver, save, written } = saverOf(bits(4, [0, 1]), partial)
  saver.noteRecord(bits(4, [0, 1]), partial)
  await save()
  t.same(written, [])
})

t.test('a record that names fewer pieces or other blocks is written again', async t => {
  const { saver, save, written } = saverOf(bits(4, [0, 1]))
  saver.noteRecord(bits(4, [0]), new Map())
  await save()
  saver.noteRecord(bits(4, [0, 1]), new Map([[3, bits(4, [0])]]))
  await save()
  t.same(written, [
    [0, 1],
    [0, 1],
  ])
})

t.test('after a piece was lost the record is written in any case', async t => {
  const { saver, save, written } = saverOf(bits(4, [0]))
  saver.noteRecord(bits(4, [0, 1]), new Map())
  saver.invalidate()
  await save()
  t.same(written, [[0]])
})
