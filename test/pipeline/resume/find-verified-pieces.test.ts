import t from 'tap'
import { Bitfield } from '../../../src/codec/bitfield.ts'
import { findVerifiedPieces } from '../../../src/pipeline/resume/find-verified-pieces.ts'
import { makeTorrent } from '../../helpers/metainfo.ts'

const PIECE_LENGTH = 16384
const { metainfo, content } = makeTorrent({
  files: [{ path: 'a', length: 12 * PIECE_LENGTH }],
  pieceLength: PIECE_LENGTH,
})

/** Returns the pieces that are found in `bytes` with a record of these pieces, and the pieces that were read. */
async function find(trusted: Iterable<number>, sample: number[], bytes: Buffer = content) {
  const bits = new Bitfield(metainfo.pieceCount)
  for (const index of trusted) bits.add(index)
  const read = new Set<number>()
  const { pieces } = await findVerifiedPieces({
    metainfo,
    storage: {
      async read(position, target) {
        if (target.length > 1) read.add(position / PIECE_LENGTH)
        return bytes.copy(target, 0, position, position + target.length)
      },
    },
    resume: { read: async () => ({ trusted: bits, sample }), write: async () => {} },
    progress: () => {},
    signal: new AbortController().signal,
  })
  return { found: [...pieces], read: [...read].sort((a, b) => a - b) }
}

const all = Array.from({ length: 12 }, (_, index) => index)

t.test('of the pieces in a resume record only a sample is read', async t => {
  t.strictSame(await find(all, [3, 11]), { found: all, read: [3, 11] })
})

t.test('pieces that are not in the resume record are hashed', async t => {
  const { found, read } = await find([0, 1, 2], [2])
  t.strictSame(found, all)
  t.strictSame(read, [2, ...all.slice(3)])
})

t.test('a resume record with one wrong piece in its sample is ignored', async t => {
  const wrong = Buffer.from(content)
  wrong[11 * PIECE_LENGTH]! ^= 1
  wrong[5 * PIECE_LENGTH]! ^= 1
  const { found, read } = await find(all, [0, 11], wrong)
  t.strictSame(found, [0, 1, 2, 3, 4, 6, 7, 8, 9, 10])
  t.strictSame(read, all)
})
