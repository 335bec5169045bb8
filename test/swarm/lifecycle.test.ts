import net from 'node:net'
import { createFsFromVolume, Volume } from 'memfs'
import t, { type Test } from 'tap'
import { StalledError, type TsdlError } from '../../src/errors.ts'
import { download } from '../../src/pipeline/download.ts'
import { Torrent } from '../../src/pipeline/torrent.ts'
import { FileStorage } from '../../src/storage/file-storage.ts'
import { makeTorrent } from '../helpers/metainfo.ts'
import { type PeerScript, scriptedPeer } from '../helpers/scripted-peer.ts'
import { MemoryStorage } from '../helpers/simulation/memory-storage.ts'
import type { Disk } from '../helpers/storage-suite.ts'
import {
  client,
  leavesNothing,
  log,
  memoryDisk,
  OFFLINE_OPTIONS,
  oddTorrent,
  run,
  startTorrent,
} from '../helpers/swarm.ts'
import { scriptedTracker } from '../helpers/tracker.ts'
import { settle, VirtualClock } from '../helpers/virtual-clock.ts'

const made = oddTorrent()
const once = (name: string, torrent: { once(name: string, call: (...args: never[]) => void): unknown }) =>
  new Promise<void>(resolve => torrent.once(name, () => resolve()))

/** Starts a peer that sends this many blocks, and then no more. */
const partialSeed = (count: number): PeerScript => ({
  request: (block, wire, n) => {
    if (n < count) wire.sendBlock(block)
  },
})

async function started(t: Test, script: PeerScript, more: Parameters<typeof run>[2] = {}, torrent = made) {
  const clock = new VirtualClock()
  const peer = await scriptedPeer(t, torrent, script)
  return { ...run(t, torrent, { clock, peers: [peer.address], ...more }), peer, clock }
}

t.test('done resolves whenever it is read; close is the last event, once', async t => {
  const { torrent, events, clock } = await started(t, {})
  await Promise.all([torrent.done, torrent.done])
  await torrent.done
  const closing = torrent.close()
  t.equal(torrent.close(), closing)
  await closing
  torrent.destroy(new Error('too late'))
  await torrent.done
  await settle()
  t.same(events, ['started', 'connected', 'done', 'disconnected', 'close'])
  t.equal(clock.pending, 0)
})

t.test('closing before the end rejects done and keeps verified pieces', async t => {
  const { torrent, events, disk, clock } = await started(t, partialSeed(12))
  const done = torrent.done.catch((error: TsdlError) => error)
  await once('verified', torrent)
  await torrent.close()
  t.match(await done, { name: 'StorageError', code: 'ERR_ABORTED' })
  await t.rejects(torrent.done, { code: 'ERR_ABORTED' })
  t.same(events, ['started', 'connected', 'disconnected', 'close'])
  t.equal(clock.pending, 0)
  t.ok(torrent.verified.count > 0)
  const kept: number[] = []
  const again = startTorrent(made.metainfo, { output: '/home', fs: disk, trackers: false })
  again.on('verified', index => kept.push(index))
  await once('started', again)
  t.same(kept, [...torrent.verified])
  await again.close()
})

t.test('destroying midway rejects done and every reader with the reason', async t => {
  const { torrent, events, clock } = await started(t, partialSeed(5))
  const reason = new Error('enough')
  const outcomes = [0, 1, 2].map(async at => {
    for await (const _ of torrent.files[0]!.stream({ start: at * 100_000 }));
  })
  const rejected = Promise.allSettled([torrent.done, torrent.whenVerified(10), ...outcomes])
  await once('connected', torrent)
  torrent.destroy(reason)
  torrent.destroy(new Error('no more'))
  for (const outcome of await rejected) t.equal((outcome as PromiseRejectedResult).reason, reason)
  await t.rejects(torrent.done, reason)
  await t.rejects(torrent.whenVerified(10), reason)
  await torrent.close()
  t.same(events, ['started', 'connected', 'error', 'disconnected', 'close'])
  t.equal(clock.pending, 0)
})

t.test('closing at any step of the start leaves nothing open', async t => {
  const disk = memoryDisk()
  await disk.writeFile('/home/odd.bin', made.content)
  for (let turns = 0; turns < 40; turns++) {
    const peer = await scriptedPeer(t, made)
    const clock = new VirtualClock()
    const { torrent, events } = run(t, made, { clock, disk, peers: [peer.address] })
    torrent.on('error', () => {})
    for (let n = 0; n < turns; n++) await Promise.resolve()
    if (turns % 2) torrent.destroy(new Error('x'))
    await torrent.close()
    t.equal(events.filter(name => name === 'close').length, 1)
    t.equal(events.at(-1), 'close')
    t.equal(clock.pending, 0)
    await peer.close()
  }
})

t.test('a torrent destroyed before the start never starts', async t => {
  leavesNothing(t)
  const clock = new VirtualClock()
  const storage = new FileStorage(made.metainfo, { directory: '/home', fs: memoryDisk() })
  const torrent = new Torrent(made.metainfo, { storage, clock })
  const { events } = log(torrent)
  const reason = new Error('never mind')
  torrent.destroy(reason)
  torrent.start()
  await t.rejects(torrent.done, reason)
  await torrent.close()
  await clock.advance(100_000)
  t.same(events, ['error', 'close'])
  t.equal(clock.pending, 0)
})

t.test('destroying without a listener for errors throws nothing', async t => {
  const clock = new VirtualClock()
  const torrent = startTorrent(made.metainfo, { output: '/home', fs: memoryDisk(), trackers: false, clock })
  torrent.destroy(new Error('alone'))
  await t.rejects(torrent.done, { message: 'alone' })
  await torrent.close()
})

t.test('a signal ends a download, before the start and later', async t => {
  const clock = new VirtualClock()
  const { address } = await scriptedPeer(t, made, partialSeed(3))
  const control = new AbortController()
  const options = { ...OFFLINE_OPTIONS, clock, output: '/home', fs: memoryDisk(), peers: [address] }
  const torrent = await download(made.metainfo, { ...options, signal: control.signal })
  const { events } = log(torrent)
  torrent.once('connected', () => control.abort(new Error('by signal')))
  await t.rejects(torrent.done, { message: 'by signal' })
  await torrent.close()
  t.equal(events.at(-1), 'close')
  t.equal(clock.pending, 0)
  await t.rejects(download(made.metainfo, { ...options, signal: control.signal }), { message: 'by signal' })
  t.equal(clock.pending, 0)
})

t.test('a download that receives nothing for the time limit fails with the reason', async t => {
  const cases: [string, PeerScript, RegExp][] = [
    [
      'choked',
      { interested() {} },
      /^the only peer, 127\.0\.0\.1:\d+, chokes us; nothing received for 30 s$/,
    ],
    [
      'nothing there',
      { has: () => false },
      /^the only peer, 127\.0\.0\.1:\d+, has none of the pieces that we lack;/,
    ],
    ['silent', partialSeed(0), /^the only peer, 127\.0\.0\.1:\d+, answers no request;/],
    [
      'rejecting',
      {
        sendGreeting: wire =>
          wire.sendGreeting({ handshake: { reserved: Uint8Array.from([0, 0, 0, 0, 0, 0, 0, 4]) } }),
        request: (block, wire) => wire.send({ type: 'reject', ...block }),
      },
      /^the only peer, 127\.0\.0\.1:\d+, rejects our requests;/,
    ],
    ['no handshake', { sendGreeting() {} }, /^the only peer, 127\.0\.0\.1:\d+, sent no handshake;/],
  ]
  for (const [name, script, reason] of cases) {
    const { torrent, clock, errors, peer } = await started(t, script, { timeout: 30_000 })
    const done = torrent.done.catch((error: unknown) => error)
    const wire = await peer.connection()
    if (name === 'nothing there') await once('connected', torrent)
    else if (name !== 'no handshake') await wire.waitForMessages('interested')
    await clock.advance(29_000)
    t.same(errors, [], name)
    await clock.advance(2000)
    const error = await done
    t.ok(error instanceof StalledError, name)
    t.match(error, { code: 'ERR_STALLED', message: reason })
    t.same(errors, [error])
    await torrent.close()
    t.equal(clock.pending, 0)
  }
})

t.test('a download without any peer fails with the reason', async t => {
  const clock = new VirtualClock()
  const { torrent } = run(t, made, { clock, timeout: 5000 })
  const done = t.rejects(torrent.done, { message: /^no peers are known, and no tracker is asked;/ })
  await once('started', torrent)
  await clock.advance(6000)
  await done
})

t.test('a download fails although pieces wait for admission, if admitted pieces do not arrive', async t => {
  const clock = new VirtualClock()
  const peers = await Promise.all([1, 2, 3, 4].map(() => scriptedPeer(t, made, partialSeed(0))))
  const { torrent } = run(t, made, {
    clock,
    timeout: 30_000,
    memory: 1,
    peers: peers.map(({ address }) => address),
  })
  const done = t.rejects(torrent.done, { code: 'ERR_STALLED' })
  for (const peer of peers) await (await peer.connection()).waitForMessages('interested')
  for (let n = 0; n < 100; n++) await settle()
  t.equal(peers.flatMap(({ requests }) => requests).length, 12, 'all blocks of the four pieces let in')
  t.equal(torrent.progress.buffered, 4 * 40960)
  t.equal(torrent.progress.limit, 'disk', 'others wait to be let in')
  await clock.advance(31_000)
  await done
})

t.test('a complete download stays complete, however long it remains open', async t => {
  const { torrent, clock, events } = await started(t, {}, { timeout: 5000 })
  await torrent.done
  await clock.advance(60_000)
  t.notOk(events.includes('error'))
  await torrent.done
})

t.test('a disk that is slower than the time limit does not count as a stall', async t => {
  const disk = memoryDisk()
  const clock = new VirtualClock()
  let release: (() => void) | undefined
  const slow = {
    ...disk,
    constants: disk.constants,
    open: async (path: string, flags: number, mode?: number) => {
      const handle = await disk.open(path, flags, mode)
      return new Proxy(handle, {
        get: (target, key) =>
          key === 'write' && !release
            ? async (...args: Parameters<typeof handle.write>) => {
                await new Promise<void>(resolve => {
                  release = resolve
                })
                return target.write(...args)
              }
            : typeof Reflect.get(target, key) === 'function'
              ? Reflect.get(target, key).bind(target)
              : Reflect.get(target, key),
      })
    },
  }
  const small = makeTorrent({ files: [{ path: 'a', length: 30_000 }], pieceLength: 32768 })
  const { torrent, events } = await started(t, {}, { clock, timeout: 5000, fs: slow, disk }, small)
  for (let n = 0; n < 200 && !release; n++) await settle()
  await clock.advance(60_000)
  t.notOk(events.includes('error'))
  release!()
  await torrent.done
})

t.test(
  'a full disk stops a download, and with room the next run continues from the verified pieces',
  async t => {
    const volume = Volume.fromJSON({ '/home': null })
    const disk = createFsFromVolume(volume).promises as unknown as Disk
    let room = 4
    const full = {
      ...disk,
      constants: disk.constants,
      open: async (path: string, flags: number, mode?: number) => {
        const handle = await disk.open(path, flags, mode)
        return new Proxy(handle, {
          get: (target, key) => {
            if (key === 'write' && room-- <= 0) {
              return async () => {
                throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })
              }
            }
            const value = Reflect.get(target, key)
            return typeof value === 'function' ? value.bind(target) : value
          },
        })
      },
    }
    const { torrent, events, clock } = await started(t, {}, { fs: full })
    await t.rejects(torrent.done, { name: 'StorageError', code: 'ERR_DISK_FULL' })
    await torrent.close()
    t.equal(events.at(-1), 'close')
    t.equal(events.filter(name => name === 'error').length, 1)
    t.equal(clock.pending, 0)
    const first = [...torrent.verified]
    t.ok(first.length > 0 && first.length <= 4, `${first}`)
    const second = await started(t, {}, { disk })
    await second.torrent.done
    t.same(await second.file('odd.bin'), made.content)
    const asked = new Set(second.peer.requests.map(({ index }) => index))
    t.same(
      first.filter(index => asked.has(index)),
      [],
      'nothing is fetched twice',
    )
  },
)

t.test('a tracker gets started, completed and stopped once each', async t => {
  const peer = await scriptedPeer(t, made)
  const tracker = await scriptedTracker(t, { body: { interval: 1800, peers: compact(peer.address) } })
  const { torrent, file } = run(t, withTrackers(tracker.url), { trackers: true })
  await torrent.done
  t.same(await file('odd.bin'), made.content)
  await tracker.seen(2)
  await torrent.close()
  t.same(
    tracker.announces.map(({ event }) => event),
    ['started', 'completed', 'stopped'],
  )
  t.same(
    tracker.announces.map(({ params }) => String(params.left)),
    [String(made.content.length), '0', '0'],
  )
})

t.test('an announce has the port that we listen on, and a valid port if we do not', async t => {
  const tracker = await scriptedTracker(t, { body: { interval: 1800, peers: '' } })
  const { address, torrent } = await client(t, withTrackers(tracker.url), { trackers: true })
  await tracker.seen(1)
  t.equal(String(tracker.announces[0]!.params.port), String(address.port))
  await torrent.close()
  const silent = run(t, withTrackers(tracker.url), { trackers: true })
  await tracker.seen(3)
  t.match(String(tracker.announces[2]!.params.port), /^[1-9]\d+$/)
  await silent.torrent.close()
})

t.test('a torrent that is complete at the start announces no completion', async t => {
  const disk = memoryDisk()
  await disk.writeFile('/home/odd.bin', made.content)
  const tracker = await scriptedTracker(t, { body: { interval: 1800, peers: '' } })
  const { torrent } = run(t, withTrackers(tracker.url), { trackers: true, disk })
  await torrent.done
  await torrent.close()
  t.notOk(tracker.announces.some(({ event }) => event === 'completed'))
})

t.test('a tracker that never answers delays the end by its time limit only', async t => {
  const clock = new VirtualClock()
  const tracker = await scriptedTracker(t, (_, n) =>
    n === 0 ? { body: { interval: 1800, peers: '' } } : { hang: true },
  )
  const { torrent, events } = run(t, withTrackers(tracker.url), { trackers: true, clock })
  await tracker.seen(1)
  await tracker.idle()
  for (let n = 0; n < 50; n++) await settle()
  const closing = torrent.close()
  await tracker.seen(2)
  t.notOk(events.includes('close'))
  await clock.advance(2000)
  await closing
  t.equal(clock.pending, 0)
})

t.test(
  'an invalid answer of a tracker is one warning until it changes, and other peers are used',
  async t => {
    const clock = new WatchedClock()
    let body = 'rubbish'
    const tracker = await scriptedTracker(t, () => ({ body: Buffer.from(body) }))
    const peer = await scriptedPeer(t, made, { interested() {} })
    const { torrent, warnings, file } = run(t, withTrackers(tracker.url), {
      clock,
      trackers: true,
      peers: [peer.address],
    })
    const wire = await peer.connection()
    await wire.waitForMessages('interested')
    /** Advances the virtual time, except during an announce, until the tracker has this number of requests. */
    const untilAnnounces = async (count: number) => {
      for (;;) {
        do for (let turns = 0; turns < 5; turns++) await settle()
        while (clock.waits(30_000))
        if (tracker.announces.length >= count) return
        wire.send({ type: 'keepAlive' })
        await clock.advance(250)
      }
    }
    await untilAnnounces(3)
    t.match(warnings, [/^tracker /])
    t.equal(warnings.length, 1)
    body = 'd14:failure reason4:busye'
    await untilAnnounces(5)
    t.match(warnings, [/^tracker /, /busy/])
    t.equal(warnings.length, 2)
    t.equal(wire.closed, false)
    wire.send({ type: 'unchoke' })
    await torrent.done
    t.same(await file('odd.bin'), made.content)
  },
)

/** Returns true if a timer of `ms` milliseconds is set, like that of a request in progress. */
class WatchedClock extends VirtualClock {
  readonly #limits = new Map<object, number>()

  override setTimeout(call: () => void, ms: number) {
    const timer = super.setTimeout(call, ms)
    this.#limits.set(timer, ms)
    return timer
  }

  override clearTimeout(timer: object | undefined) {
    super.clearTimeout(timer)
    if (timer) this.#limits.delete(timer)
  }

  waits(ms: number): boolean {
    return [...this.#limits.values()].includes(ms)
  }
}

function withTrackers(...urls: string[]) {
  return { ...made, metainfo: { ...made.metainfo, trackers: [urls] } }
}

function compact({ host, port }: { host: string; port: number }): Buffer {
  return Buffer.from([...host.split('.').map(Number), port >> 8, port & 255])
}

t.test('peers are dialled from the bound address, or from any for the unspecified address', async t => {
  const storage = new MemoryStorage(made.content.length)
  const dialledFrom = async (bind: string) => {
    const asked: unknown[] = []
    const connect = ((options: net.TcpNetConnectOpts) => {
      asked.push(options.localAddress)
      return net.connect(options)
    }) as typeof net.connect
    const peers = [{ host: '127.0.0.1', port: 1 }]
    const torrent = new Torrent(made.metainfo, { storage, clock: new VirtualClock(), bind, connect, peers })
    const failed = new Promise(resolve => torrent.once('warning', resolve))
    torrent.start()
    await failed
    await torrent.close()
    return asked
  }
  t.same(await dialledFrom('127.0.0.3'), ['127.0.0.3'])
  t.same(await dialledFrom('0.0.0.0'), [undefined])
  t.same(await dialledFrom('::'), [undefined])
  t.throws(() => new Torrent(made.metainfo, { storage, bind: 'localhost' }), {
    code: 'ERR_USAGE',
    message: 'bind: expected an IP address of this machine, got "localhost"',
  })
})
