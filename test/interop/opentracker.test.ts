import t, { type Test } from 'tap'
import type { AnnounceRequest } from '../../src/discovery/announce-request.ts'
import { openTracker } from '../../src/discovery/open-tracker.ts'
import { library } from '../helpers/counterparts/client.ts'
import { announcedAt, differences, interopSize, oneFile } from '../helpers/counterparts/content.ts'
import { noOpentracker, startOpentracker } from '../helpers/counterparts/opentracker.ts'
import { scratch } from '../helpers/counterparts/process.ts'
import { fetchWithTsdl, seedWithTsdl } from '../helpers/counterparts/tsdl.ts'

const skip = noOpentracker
const infoHash = Buffer.from('2b760aa1207030405060708090a0b0c0d0e0f0ff', 'hex')
const other = Buffer.alloc(20, 7)

/** Returns a function that announces to `url` as a client with this port. */
function client(t: Test, url: string, port: number) {
  const tracker = openTracker(url, { userAgent: 'tsdl/test' })
  t.teardown(() => tracker.close?.())
  const request = {
    infoHash,
    peerId: Buffer.alloc(20, port),
    port,
    numwant: 50,
    key: port,
    uploaded: 0,
    downloaded: 0,
  }
  return {
    scrape: () => tracker.scrape([infoHash, other]),
    announce: (left: number, event?: AnnounceRequest['event'], hash = infoHash) =>
      tracker.announce({ ...request, infoHash: hash, left, ...(event && { event }) }),
  }
}

for (const scheme of ['udp', 'http']) {
  t.test(
    `opentracker over ${scheme} accepts announces, returns peers, and takes stopped and a scrape`,
    { skip },
    async t => {
      const url = `${scheme}://${await startOpentracker(t, [infoHash])}/announce`
      const seed = client(t, url, 5001)
      const leech = client(t, url, 5002)
      await seed.announce(0, 'started')
      const { interval, peers } = await leech.announce(9, 'started')
      t.ok(interval >= 60 && interval <= 7_200, `interval ${interval}`)
      t.same(
        peers.filter(({ port }) => port === 5001),
        [{ host: '127.0.0.1', port: 5001 }],
      )
      const [counts] = await leech.scrape()
      t.match(counts, { complete: 1, incomplete: 1, downloaded: 0 })
      await leech.announce(5, 'paused')
      t.match((await leech.scrape())[0], { complete: 1, incomplete: 1, downloaded: 0 }, 'a partial seed')
      await leech.announce(0, 'completed')
      await seed.announce(0, 'stopped')
      t.match((await leech.scrape())[0], { complete: 1, incomplete: 0, downloaded: 1 })
      // Over UDP it does not answer for a torrent that is not in its list.
      if (scheme === 'http')
        await t.rejects(leech.announce(9, 'started', other), { code: 'ERR_TRACKER_FAILURE' })
    },
  )

  t.test(
    `two clients find each other through opentracker over ${scheme}, and scrape it`,
    { skip },
    async t => {
      const plain = oneFile(scratch(t), interopSize(4 << 20))
      const content = await announcedAt(
        `${scheme}://${await startOpentracker(t, [plain.infoHash])}/announce`,
        plain,
      )
      await seedWithTsdl(t, content, [])
      const { parse, scrape } = await library()
      const { readFile } = await import('node:fs/promises')
      const metainfo = parse(await readFile(content.torrent))
      // The seed listens before it announces itself.
      const deadline = Date.now() + 20_000
      while (!(await scrape(metainfo)).some(({ complete = 0 }) => complete === 1)) {
        if (Date.now() > deadline) throw new Error('the tracker never heard of the seed')
      }
      const out = scratch(t)
      t.equal(await fetchWithTsdl(t, content, out), '')
      t.strictSame(await differences(content, out), [])
      const [counts] = await scrape(metainfo)
      t.match(counts, { complete: 1, incomplete: 0, downloaded: 1, error: undefined })
    },
  )
}
