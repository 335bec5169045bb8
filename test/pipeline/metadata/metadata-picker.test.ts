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
    picker.addPiece('peer', piece, data, 0)
    asked.push(...picker.choosePieces('peer', 0))
  }
  return order
}

t.test('the pieces of large metadata are chosen in a time that grows with their number', async t => {
  t.same(fetchPieces(20), [...Array(20).keys()])
  const times = growth(size => fetchPieces(size), 4000)
  t.ok(times <= PROPORTIONAL_RATIO, `${times} times as long`)
})

/** A picker of three pieces, and the only peer that has them. */
function onlyPeer() {
  const picker = new MetadataPicker<string>({ maxSize: 2 ** 20, matches: () => true })
  picker.addPeer('peer', 3 * METADATA_PIECE)
  const choose = (now: number) => {
    picker.expireRequests(now)
    return picker.choosePieces('peer', now)
  }
  const give = (piece: number, now: number) =>
    picker.addPiece('peer', piece, new Uint8Array(METADATA_PIECE), now)
  return { picker, choose, give }
}

t.test('requests to the only peer are repeated after 5 s of silence, and then less often', async t => {
  const { choose } = onlyPeer()
  const times: number[] = []
  for (let now = 0; now < 120_000; now += 250) if (choose(now).length === 3) times.push(now)
  t.same(times, [0, 5_250, 15_500, 35_750, 66_000, 96_250])
})

t.test('late answers of the only peer are used, however often it was asked again', async t => {
  const { picker, choose, give } = onlyPeer()
  for (let now = 0; now < 40_000; now += 250) choose(now)
  for (const piece of [0, 1, 2]) t.equal(give(piece, 40_000), undefined)
  t.equal(picker.info?.length, 3 * METADATA_PIECE)
})

t.test('a slow peer that sends a piece every four seconds is asked once for each', async t => {
  const { choose, give, picker } = onlyPeer()
  const asked: number[] = []
  for (let now = 0; !picker.info && now < 20_000; now += 250) {
    asked.push(...choose(now))
    if (now > 0 && now % 4_000 === 0) give(now / 4_000 - 1, now)
  }
  t.same(asked, [0, 1, 2])
  t.ok(picker.info)
})

t.test('the only peer is asked again two seconds after a reject, and then less often', async t => {
  const { choose, give, picker } = onlyPeer()
  const times: number[] = []
  for (let now = 0; now < 100_000; now += 250) {
    if (choose(now).length === 0) continue
    times.push(now)
    picker.onReject('peer', now)
  }
  t.same(times, [0, 2_000, 6_000, 14_000, 30_000, 60_000, 90_000])
  t.same(choose(120_000), [0, 1, 2])
  give(0, 120_250)
  picker.onReject('peer', 120_500)
  t.same(choose(122_500), [1, 2], 'a piece ends the doubling')
})
