import t from 'tap'
import { progressOf, type TorrentParts } from '../../../src/pipeline/torrent/progress.ts'
import { bottleneckOf } from '../../helpers/bottleneck.ts'

interface Parts {
  readonly total?: number
  readonly left?: number
  readonly full?: boolean
  /** True for each peer that is a seed. */
  readonly seeds?: readonly boolean[]
  readonly rate?: number
  readonly uploaded?: number
  readonly read?: boolean
  readonly webSeeds?: { active: number; downloaded: number; wasted: number }
  readonly state?: TorrentParts['state']
}

/** The progress of a torrent of 10,000 bytes with these parts. */
function progress({
  total = 1000,
  left = 400,
  full = false,
  seeds = [true, false],
  rate = 0,
  uploaded = 0,
  read = false,
  webSeeds = { active: 0, downloaded: 0, wasted: 0 },
  state = 'downloading',
}: Parts = {}) {
  const pieces = {
    metainfo: { pieceLength: 100, length: 10_000 },
    wanted: { total, left },
    pipeline: { scheduler: { activePieces: 3, isFull: full }, cursors: { isAwaited: false } },
    windowed: read,
    retains: !read,
  }
  const activeSwarm = { connected: seeds.map(isSeed => ({ requester: { isSeed } })), wasted: 50 }
  return progressOf(
    {
      state,
      content: { pieces, webSeeds },
      metadata: undefined,
      network: { activeSwarm, uploaded, rates: { down: rate, up: 7 }, downloaded: 700 + webSeeds.downloaded },
    } as unknown as TorrentParts,
    bottleneckOf(),
  )
}

t.test('progress counts verified and wanted bytes, peers and seeds', async t => {
  t.match(progress({ rate: 20 }), {
    verified: 600,
    total: 1000,
    downSpeed: 20,
    upSpeed: 7,
    peers: 2,
    seeds: 1,
    eta: 20,
    buffered: 300,
    downloaded: 700,
    wasted: 50,
  })
})

t.test('the remaining time is unknown while nothing is received', async t => {
  t.equal(progress({ rate: 0 }).eta, null)
  t.equal(progress({ rate: 0.5 }).eta, null)
})

t.test('the ratio counts against the wanted bytes, or the whole torrent if none is wanted', async t => {
  t.equal(progress({ uploaded: 500 }).ratio, 0.5)
  t.equal(progress({ uploaded: 500, total: 0, left: 0 }).ratio, 0.05)
})

t.test('bytes from web seeds count, and a web seed counts as a source', async t => {
  const webSeeds = { active: 2, downloaded: 30, wasted: 5 }
  t.match(progress({ webSeeds }), { webSeeds: 2, peers: 2, downloaded: 730, wasted: 55 })
  t.equal(progress({ webSeeds, seeds: [] }).limit, 'network')
})

t.test('the limit names what holds the download back at this moment', async t => {
  t.equal(progress({ left: 0, seeds: [] }).limit, 'none')
  t.equal(progress({ seeds: [], full: true }).limit, 'peers')
  t.equal(progress({ full: true }).limit, 'disk')
  t.equal(progress({ full: true, read: true }).limit, 'reader')
  t.equal(progress().limit, 'network')
  t.equal(progress({ state: 'paused', seeds: [] }).limit, 'none')
})

t.test('no rate is reported of bytes that cannot arrive or leave', async t => {
  const rates = (parts: Parts) => {
    const { downSpeed, upSpeed } = progress({ rate: 20, ...parts })
    return { downSpeed, upSpeed }
  }
  t.strictSame(rates({ seeds: [] }), { downSpeed: 0, upSpeed: 0 })
  t.strictSame(rates({ seeds: [], webSeeds: { active: 1, downloaded: 0, wasted: 0 } }), {
    downSpeed: 20,
    upSpeed: 0,
  })
  t.strictSame(rates({ state: 'seeding', left: 0 }), { downSpeed: 0, upSpeed: 7 })
  t.strictSame(rates({ state: 'seeding', left: 0, read: true }), { downSpeed: 20, upSpeed: 7 })
})
