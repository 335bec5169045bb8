import t from 'tap'
import { METADATA_PIECE } from '../../../src/codec/metadata.ts'
import { MetadataPicker } from '../../../src/pipeline/metadata/metadata-picker.ts'
import { growth, PROPORTIONAL_RATIO } from '../../helpers/growth.ts'

/** Fetches `count` pieces from one peer, except the last one. @returns the order in which they were requested */
function fetchPieces(pieces: number): number[] {
  const picker = new MetadataPicker<string>({ maxSize: 2 ** 30, matches: () => true })
  picker.addPeer('peer', (pieces + 1) * METADATA_PIECE)
  const data = new Uint8Array(METADATA_PIECE)
  const order: number[] = []
  const asked = picker.choosePieces('peer', 0)
  for (let piece = asked.shift()!; piece < pieces; piece = asked.shift()!) {
    order.push(piece)
    picker.addPiece('peer', piece, data)
    asked.push(...picker.choosePieces('peer', 0))
  }
  return order
}

t.test('the pieces of large metadata are chosen in a time that grows with their number', async t => {
  t.same(fetchPieces(20), [...Array(20).keys()])
  const times = growth(size => fetchPieces(size), 4000)
  t.ok(times <= PROPORTIONAL_RATIO, `${times} times as long`)
})
