import { once } from 'node:events'
import net from 'node:net'
import t, { type Test } from 'tap'
import { Bitfield } from '../../src/codec/bitfield.ts'
import { encodePeers4, encodePeers6 } from '../../src/codec/compact.ts'
import { encodeHandshake } from '../../src/codec/handshake.ts'
import { scrape } from '../../src/discovery/scrape.ts'
import { InputError } from '../../src/errors.ts'
import { torrentOf } from '../../src/metainfo/torrent.ts'
import { Client } from '../../src/pipeline/client.ts'
import { directoryContent } from '../../src/pipeline/download.ts'
import { ConnectionLimit } from '../../src/pipeline/limits/connection-limit.ts'
import { MemoryBudget } from '../../src/pipeline/limits/memory-budget.ts'
import { loadTorrent } from '../../src/pipeline/sources/load-torrent.ts'
import { Listener } from '../../src/pipeline/swarm/listener.ts'
import { Torrent } from '../../src/pipeline/torrent.ts'
import { type MadeTorrent, makeTorrent } from '../helpers/metainfo.ts'
import { MemoryStorage } from '../helpers/simulation/memory-storage.ts'
import { memoryDisk } from '../helpers/swarm.ts'
import { scriptedTracker } from '../helpers/tracker.ts'
import { webServer } from '../helpers/web-server.ts'

const small = (name: string) => makeTorrent({ files: [{ path: name, length: 100_000 }], pieceLength: 16_384 })
const offline = { dht: false, lsd: false, trackers: false, bind: '127.0.0.1' }

t.test('torrents of one client share its identity, its port and its events', async t => {
  const client = new Client(offline)
  const events: string[] = []
  client.on('added', torrent => events.push(`added ${torrent.infoHash.toString('hex')}`))
  client.on('removed', torrent => events.push(`removed ${torrent.infoHash.toString('hex')}`))
  const [a, b] = [small('a'), small('b')]
  const torrents = [await client.add(a.metainfo), await client.add(torrentOf(b.metainfo))]
  t.strictSame(client.torrents, torrents)
  t.equal(client.get(a.metainfo.infoHash.toString('hex')), torrents[0])
  t.equal((await client.listen())?.port, (await client.listen())?.port)
  await torrents[0]!.close()
  t.strictSame(client.torrents, [torrents[1]])
  await client.close()
  t.strictSame(client.torrents, [])
  const hashes = [a, b].map(({ metainfo }) => metainfo.infoHash.toString('hex'))
  t.strictSame(events, [...hashes.map(hash => `added ${hash}`), ...hashes.map(hash => `removed ${hash}`)])
})

t.test('a source is a metainfo, bytes in any view, a link or an info-hash', async t => {
  const client = new Client(offline)
  const made = small('a')
  const hash = made.metainfo.infoHash.toString('hex')
  const copy = Uint8Array.from(torrentOf(made.metainfo)).buffer
  for (const source of [
    made.metainfo,
    new Uint8Array(copy),
    copy,
    new DataView(copy),
    `magnet:?xt=urn:btih:${hash}`,
    hash,
  ]) {
    const torrent = await client.add(source)
    t.equal(torrent.infoHash.toString('hex'), hash)
    await torrent.close()
  }
  await client.close()
})

t.test(
  'fifty torrents of one client keep at most ten files open, and each of them gets its turn',
  async t => {
    const disk = memoryDisk()
    const openFile = disk.open.bind(disk)
    let now = 0
    let maximum = 0
    disk.open = async (...args) => {
      const handle = await openFile(...args)
      maximum = Math.max(maximum, ++now)
      const close = handle.close.bind(handle)
      handle.close = () => close().finally(() => now--)
      return handle
    }
    const made = Array.from({ length: 50 }, (_, index) => {
      const files = [1, 2, 3].map(at => ({ path: `${index}/${at}`, length: 20_000 }))
      return makeTorrent({ files, pieceLength: 16_384 })
    })
    const client = new Client({ ...offline, maxOpenFiles: 10, hashThreads: 0 })
    const torrents = await Promise.all(made.map(({ metainfo }) => client.add(metainfo)))
    const writing = made.map(async ({ metainfo, content }, index) => {
      const ready = directoryContent(metainfo, { output: `/${index}`, fs: disk })
      const torrent = torrents[index]!.begin(ready)
      await once(torrent, 'started')
      await ready.storage.write(0, content)
      const read = Buffer.alloc(content.length)
      await ready.storage.read(0, read)
      t.same(read, content)
    })
    await Promise.all(writing)
    t.ok(maximum <= 10, `${maximum} files`)
    t.ok(now > 0, 'some stay open')
    await client.close()
    t.equal(now, 0)
  },
)

t.test('an invalid source, or a torrent that was already added, is an InputError', async t => {
  const client = new Client(offline)
  const made = small('a')
  await client.add(made.metainfo)
  const known = client.add(made.metainfo)
  await t.rejects(known, { name: 'MergedTorrentError', code: 'ERR_BUSY' })
  t.type(await known.catch(error => error), InputError)
  await t.rejects(client.add('no link'), { name: 'InputError', code: 'ERR_USAGE' })
  await t.rejects(client.add(new Uint8Array(5)), { name: 'InputError' })
  await client.close()
  await t.rejects(client.add(small('b').metainfo), { name: 'InputError', code: 'ERR_USAGE' })
})

t.test('a torrent is downloaded from another client through the shared ports', async t => {
  const made = small('a')
  const [from, to] = [new Client(offline), new Client(offline)]
  const disk = memoryDisk()
  await disk.writeFile('/home/a', made.content)
  const seed = await from.add(made.metainfo, { share: true })
  await seed.begin(directoryContent(made.metainfo, { output: '/home', fs: disk })).done
  const port = (await from.listen())!.port!
  const other = memoryDisk()
  const leech = await to.add(made.metainfo, { peers: [{ host: '127.0.0.1', port }] })
  await leech.begin(directoryContent(made.metainfo, { output: '/home', fs: other })).done
  t.strictSame(await other.readFile('/home/a'), made.content)
  await Promise.all([from.close(), to.close()])
})

t.test(
  'connections are shared: a torrent gets its share, and what others leave, except a quarter',
  async t => {
    const limit = new ConnectionLimit(100)
    const [a, b] = [{}, {}]
    const open = (torrent: object, count: number) => {
      for (let at = 0; at < count; at++) limit.open(torrent)
    }
    limit.add(a)
    limit.add(b)
    open(a, 74)
    t.ok(limit.hasRoom(a), 'more than its share while others leave it')
    open(a, 1)
    t.notOk(limit.hasRoom(a), 'the last quarter is for those below their share')
    t.ok(limit.hasRoom(b))
    open(b, 25)
    t.notOk(limit.hasRoom(b), 'no more than all')
    limit.close(b)
    t.ok(limit.hasRoom(b))
    limit.open(b)
    limit.delete(a)
    t.ok(limit.hasRoom(b))
    limit.close(a)
    limit.add(a)
    for (let at = 0; at < 50; at++) {
      t.ok(limit.hasRoom(b), 'connections that close after their torrent was removed count once')
      limit.open(b)
    }
    t.notOk(limit.hasRoom(b))
  },
)

t.test('memory is shared equally, and again when a torrent is added or removed', async t => {
  const budget = new MemoryBudget(900)
  const shares: Record<string, number> = {}
  const torrents = ['a', 'b', 'c'].map(name => ({
    onShare(bytes: number) {
      shares[name] = bytes
    },
  }))
  for (const torrent of torrents) budget.add(torrent)
  t.strictSame(shares, { a: 300, b: 300, c: 300 })
  budget.delete(torrents[1]!)
  t.strictSame(shares, { a: 450, b: 300, c: 450 })
})

const HANDSHAKE_FIELDS = { peerId: Buffer.alloc(20, 1), reserved: Buffer.alloc(8) }
const LOOPBACK_HOSTS = { 4: '127.0.0.1', 6: '::1' } as const
const FAMILY_PAIRS = [
  [4, 6],
  [6, 4],
] as const

/** Shares a torrent at an address. Returns the address. */
async function seedAt(t: Test, { content, metainfo }: MadeTorrent, host: string) {
  const listener = await new Listener({ bind: host }).listen()
  const seed = new Torrent(metainfo, {
    ...{ storage: new MemoryStorage(content), trusted: Bitfield.full(metainfo.pieceCount), share: true },
    ...{ listener, trackers: false },
  }).start()
  t.teardown(() => {
    listener.close()
    return seed.close()
  })
  return { host, port: listener.port! }
}

/**
 * Creates a client of one address family that records the hosts it dials. The name `both` has an address of each
 * family.
 */
function clientOf(t: Test, family: 4 | 6) {
  const dialled = new Set<string>()
  const lookup: net.LookupFunction = (_, { family }, found) =>
    found(null, LOOPBACK_HOSTS[family === 6 ? 6 : 4], Number(family))
  const connect = ((options: net.NetConnectOpts & { host: string }) => {
    dialled.add(options.host)
    return net.connect({ ...options, lookup })
  }) as unknown as typeof net.connect
  const client = new Client({ dht: false, lsd: false, family, connect })
  t.teardown(() => client.close())
  return { client, dialled }
}

t.test('with one address family, peers of the other are not dialled, whatever source names them', async t => {
  const made = small('a')
  const seeds = { 4: await seedAt(t, made, LOOPBACK_HOSTS[4]), 6: await seedAt(t, made, LOOPBACK_HOSTS[6]) }
  const peers = Object.values(seeds)
  const body = { interval: 1800, peers: encodePeers4(peers), peers6: encodePeers6(peers) }
  const hash = made.metainfo.infoHash.toString('hex')
  const links = peers.map(({ host, port }) => `&x.pe=${host.includes(':') ? `[${host}]` : host}:${port}`)
  for (const [family, other] of FAMILY_PAIRS) {
    const tracker = await scriptedTracker(t, { body }, LOOPBACK_HOSTS[family])
    for (const [name, source, options, hosts] of [
      ['options', made.metainfo, { peers }, [LOOPBACK_HOSTS[family]]],
      ['a link', `magnet:?xt=urn:btih:${hash}${links.join('')}`, {}, [LOOPBACK_HOSTS[family]]],
      ['a tracker', { ...made.metainfo, trackers: [[tracker.url]] }, {}, [LOOPBACK_HOSTS[family]]],
      ['a name', made.metainfo, { peers: [{ host: 'both', port: seeds[family].port }] }, ['both']],
    ] as const) {
      const { client, dialled } = clientOf(t, family)
      const torrent = await client.add(source, options)
      const metainfo = await torrent.ready
      await torrent.begin(directoryContent(metainfo, { output: '/home', fs: memoryDisk() })).done
      t.strictSame([...dialled], hosts, `IPv${family}, ${name}`)
      await client.close()
    }
    // a name with a peer of the other family
    const { client } = clientOf(t, family)
    const torrent = await client.add(made.metainfo, { peers: [{ host: 'both', port: seeds[other].port }] })
    torrent.begin(directoryContent(made.metainfo, { output: '/home', fs: memoryDisk() }))
    const [warning] = await once(torrent, 'warning')
    t.match(warning.message, /REFUSED/)
  }
})

t.test(
  'with one address family, a connection of the other is not accepted from a shared listener',
  async t => {
    const { content, metainfo } = small('a')
    const listener = await new Listener().listen()
    t.teardown(() => listener.close())
    for (const [family, other] of FAMILY_PAIRS) {
      const storage = new MemoryStorage(content)
      const torrent = new Torrent(metainfo, {
        family,
        listener,
        storage,
        trackers: false,
        share: true,
      }).start()
      await once(torrent, 'started')
      const call = async (host: string) => {
        const socket = net.connect({ host, port: listener.port! })
        t.teardown(() => socket.destroy())
        socket.write(encodeHandshake({ ...HANDSHAKE_FIELDS, infoHash: metainfo.infoHash }))
        return Promise.race([
          once(socket, 'data').then(() => true),
          once(socket, 'close').then(() => false),
        ]).catch(() => false)
      }
      t.equal(await call(LOOPBACK_HOSTS[other]), false)
      t.equal(await call(LOOPBACK_HOSTS[family]), true)
      await torrent.close()
    }
  },
)

t.test('with one address family, no web server or tracker of the other gets a request', async t => {
  const made = small('a')
  const web = await webServer(t, made)
  const tracker = await scriptedTracker(t, { body: torrentOf(made.metainfo) })
  const { port } = new URL(tracker.origin)
  const url = `${tracker.origin}/a.torrent`
  const message = /127\.0\.0\.1 is not an IPv6 address/
  await t.rejects(loadTorrent(url, { family: 6 }), { code: 'ERR_USAGE', message })
  t.same((await loadTorrent(url, { family: 4 })).infoHash, made.metainfo.infoHash)
  const { client } = clientOf(t, 6)
  await t.rejects(client.add(url), { code: 'ERR_USAGE', message })
  const trackers = [[tracker.url], [`udp://127.0.0.1:${port}`]]
  const counts = await scrape({ ...made.metainfo, trackers }, { family: 6, allowLocal: true })
  t.match(counts, [{ error: { message } }, { error: { message: /has no IPv6 address/ } }])
  t.equal(tracker.announces.length, 1)
  const torrent = await client.add({ ...made.metainfo, trackers }, { webSeedUrls: [`${web.origin}/`] })
  const warnings: string[] = []
  torrent.on('warning', error => warnings.push(error.message))
  torrent.begin(directoryContent(made.metainfo, { output: '/home', fs: memoryDisk() }))
  while (warnings.length < 3) await once(torrent, 'warning')
  t.equal(warnings.filter(text => message.test(text)).length, 2, warnings.join('; '))
  t.equal(tracker.announces.length, 1)
  t.equal(web.requests.length, 0)
  const { client: other } = clientOf(t, 4)
  const download = await other.add(made.metainfo, { trackers: false, webSeedUrls: [`${web.origin}/`] })
  await download.begin(directoryContent(made.metainfo, { output: '/home', fs: memoryDisk() })).done
  t.throws(() => new Client({ family: 6, bind: '127.0.0.1' }), { code: 'ERR_USAGE', message: /^bind: / })
  t.throws(() => new Client({ family: 5 as 4 }), { code: 'ERR_USAGE', message: /^family: / })
})
