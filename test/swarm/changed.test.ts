import * as fs from 'node:fs'
import { basename, dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { encodeExtendedHandshake, parseDontHave } from '../../src/codec/extended.ts'
import { reservedBytes } from '../../src/codec/handshake.ts'
import type { BlockRef } from '../../src/codec/message.ts'
import { Listener } from '../../src/pipeline/swarm/listener.ts'
import { Torrent } from '../../src/pipeline/torrent.ts'
import { FileStorage } from '../../src/storage/file-storage.ts'
import { makeTorrent } from '../helpers/metainfo.ts'
import { flipByte, nextTick } from '../helpers/other-program.ts'
import { dial, type PeerScript, scriptedPeer, type Wire } from '../helpers/scripted-peer.ts'
import type { Disk } from '../helpers/storage-suite.ts'
import { client, log, memoryDisk, run, type TorrentInDirectory } from '../helpers/swarm.ts'
import { settle, VirtualClock } from '../helpers/virtual-clock.ts'
import { webServer } from '../helpers/web-server.ts'

const PIECE_LENGTH = 16384
const disk = fs.promises as unknown as Disk
/** Pieces 0 to 3 in a, 4 to 7 in b. */
const made = makeTorrent({
  name: 'd',
  files: [
    { path: 'd/a', length: 4 * PIECE_LENGTH },
    { path: 'd/b', length: 4 * PIECE_LENGTH },
  ],
  pieceLength: PIECE_LENGTH,
})

/** A peer that answers requests when the test allows it. */
function gated() {
  const waiting: [BlockRef, Wire][] = []
  const asked: number[] = []
  let open = 0
  const go = () => {
    while (open > 0 && waiting.length > 0) {
      open--
      const [block, wire] = waiting.shift()!
      wire.sendBlock(block)
    }
  }
  const script: PeerScript = {
    request: (block, wire) => {
      asked.push(block.index)
      waiting.push([block, wire])
      go()
    },
  }
  return {
    script,
    asked,
    answer(count = Number.POSITIVE_INFINITY) {
      open += count
      go()
    },
  }
}

/** A download into a real directory from one peer, which has answered `answered` requests in order. */
async function started(t: Test, answered: number, more: Partial<TorrentInDirectory> = {}) {
  const output = t.testdir()
  const gate = gated()
  const peer = await scriptedPeer(t, made, gate.script)
  const running = run(t, made, { disk, output, peers: [peer.address], sequential: true, ...more })
  const { torrent, verified } = running
  gate.answer(answered)
  while (verified.length < answered)
    await new Promise<void>(resolve => torrent.once('verified', () => resolve()))
  await settle()
  await nextTick(output)
  const right = () => {
    for (const { path, offset, length } of made.metainfo.files)
      t.ok(fs.readFileSync(join(output, path)).equals(made.content.subarray(offset, offset + length)), path)
  }
  return { ...running, output, gate, at: (path: string) => join(output, path), right }
}

const changes: Record<string, (path: string) => Promise<void>> = {
  'a byte is changed in place': path => flipByte(path, 100),
  'a file is truncated': async path => fs.truncateSync(path, 10),
  'a file is overwritten': async path => fs.writeFileSync(path, Buffer.alloc(4 * PIECE_LENGTH, 7)),
  'a file is replaced by another of its size': async path => {
    fs.writeFileSync(`${path}.new`, Buffer.alloc(4 * PIECE_LENGTH, 7))
    fs.renameSync(`${path}.new`, path)
  },
  'a file is removed': async path => fs.unlinkSync(path),
  'its directory is removed': async path => fs.rmSync(dirname(path), { recursive: true }),
}

for (const [what, change] of Object.entries(changes)) {
  for (const answered of [2, 6, 7]) {
    t.test(`${what} after ${answered} of 8 pieces: lost data is downloaded again`, async t => {
      const { at, gate, right, torrent, warnings } = await started(t, answered)
      await change(at('d/a'))
      gate.answer()
      await torrent.done
      right()
      t.match(
        warnings.find(text => /^d\/a /.test(text)),
        /^d\/a was changed by another program: \d of its pieces (is|are) no longer right$/,
      )
      t.ok(torrent.verified.full)
      t.equal(torrent.progress.verified, made.content.length)
    })
  }
}

for (const source of ['a peer that unchokes once', 'a web seed']) {
  t.test(
    `data that is lost when all was complete is downloaded again from the only source, ${source}`,
    async t => {
      const output = t.testdir()
      const gate = gated()
      let interested = 0
      const script: PeerScript = {
        ...gate.script,
        interested: wire => {
          if (interested++ === 0) wire.send({ type: 'unchoke' })
        },
      }
      const web = source === 'a web seed'
      const { torrent, verified } = run(t, made, {
        ...{ disk, output, sequential: true },
        ...(web
          ? { webSeedUrls: [`${(await webServer(t, made)).origin}/`] }
          : { peers: [(await scriptedPeer(t, made, script)).address] }),
      })
      let isChanged = false
      torrent.on('verified', () => {
        if (verified.length < 8 || isChanged) return
        isChanged = true
        fs.rmSync(join(output, 'd'), { recursive: true })
      })
      gate.answer()
      await torrent.done
      for (const { path, offset, length } of made.metainfo.files)
        t.ok(fs.readFileSync(join(output, path)).equals(made.content.subarray(offset, offset + length)), path)
      t.equal(verified.length, 16)
    },
  )
}

t.test('a file with a new time is read again, and nothing of it is downloaded again', async t => {
  const { at, gate, right, torrent, warnings } = await started(t, 7)
  fs.utimesSync(at('d/a'), 1, 1)
  gate.answer()
  await torrent.done
  right()
  t.same(warnings, [])
  t.equal(gate.asked.length, 8)
})

t.test('a file that became a symbolic link ends the download, and the link is not followed', async t => {
  const { at, gate, output, torrent } = await started(t, 7)
  fs.renameSync(at('d/a'), join(output, 'elsewhere'))
  fs.symlinkSync('../elsewhere', at('d/a'))
  const before = fs.readFileSync(join(output, 'elsewhere'))
  const failed = t.rejects(torrent.done, {
    name: 'StorageError',
    code: 'ERR_STORAGE',
    message: `${at('d/a')}: it is a symbolic link`,
  })
  gate.answer()
  await failed
  t.ok(fs.readFileSync(join(output, 'elsewhere')).equals(before))
})

t.test('a program that keeps writing to a file ends the download, with its name in the error', async t => {
  let times = 0
  const lstat = async (at: string, ...options: [{ bigint: true }]) => {
    const found = await fs.promises.lstat(at, ...options)
    if (options.length > 0 && basename(at) === 'a') {
      fs.writeFileSync(at, Buffer.alloc(4 * PIECE_LENGTH, 7))
      fs.utimesSync(at, ++times, times)
    }
    return found
  }
  const { gate, torrent } = await started(t, 0, { fs: { ...fs.promises, lstat } as unknown as Disk })
  const failed = t.rejects(torrent.done, {
    name: 'StorageError',
    code: 'ERR_CHANGED',
    message: /^d\/a was changed by another program, and is not complete/,
  })
  gate.answer()
  await failed
})

t.test('the resume record does not contain changed data, also when the download is aborted', async t => {
  const directory = t.testdir({ state: {}, out: {} })
  const [record, output] = [join(directory, 'state', 'record'), join(directory, 'out')]
  const gate = gated()
  const peer = await scriptedPeer(t, made, gate.script)
  const first = run(t, made, { disk, output, record, peers: [peer.address], sequential: true })
  gate.answer(6)
  while (first.verified.length < 6)
    await new Promise<void>(resolve => first.torrent.once('verified', () => resolve()))
  await nextTick(directory)
  await flipByte(join(output, 'd/a'), 2 * PIECE_LENGTH + 5)
  await flipByte(join(output, 'd/b'), 5)
  await first.torrent.close()
  const second = run(t, made, { disk, output, record })
  await new Promise<void>(resolve => second.torrent.once('started', resolve))
  t.same([...second.torrent.verified], [0, 1, 3, 5])
})

t.test('a reader never gets bytes that another program changed', async t => {
  const clock = new VirtualClock()
  const { at, gate, torrent } = await started(t, 4, { clock })
  const reader = torrent.files[0]!.stream()
  await clock.advance(2000)
  await flipByte(at('d/a'), PIECE_LENGTH + 1)
  const chunks: Uint8Array[] = []
  const reading = (async () => {
    for await (const chunk of reader) chunks.push(chunk)
  })()
  gate.answer()
  await reading
  t.ok(Buffer.concat(chunks).equals(made.content.subarray(0, 4 * PIECE_LENGTH)))
})

for (const fast of [true, false]) {
  t.test(
    `while sharing, fast ${fast}: bytes that another program changed are neither sent nor announced`,
    async t => {
      const disk = memoryDisk()
      const one = makeTorrent({ files: [{ path: 'a', length: 4 * PIECE_LENGTH }], pieceLength: PIECE_LENGTH })
      const { address, clock, events, torrent, warnings } = await client(t, one, {
        disk,
        select: () => false,
      })
      const reserved = reservedBytes('extended', ...(fast ? (['fast'] as const) : []))
      const wire = await dial(t, one, address, { sendGreeting: wire => wire.sendHandshake({ reserved }) })
      const payload = encodeExtendedHandshake({ client: 'test', reqq: 10, extensions: { lt_donthave: 9 } })
      wire.send({ type: 'extended', id: 0, payload })
      if (fast) wire.send({ type: 'haveNone' })
      await wire.waitForUnchoke()
      const [one0, two0] = [0, 1].map(index => ({ index, begin: 0, length: PIECE_LENGTH }))
      t.ok((await wire.fetchBlock(one0!)).equals(one.content.subarray(0, PIECE_LENGTH)))
      const changed = Buffer.from(one.content)
      changed[5]! ^= 1
      await disk.writeFile('/home/a', changed)
      await clock.advance(1000)
      wire.send({ type: 'request', ...one0! })
      await wire.waitUntil(() => wire.messagesOf('extended').some(({ id }) => id === 9))
      t.same(
        wire.messagesOf('extended').flatMap(({ id, payload }) => (id === 9 ? [parseDontHave(payload)] : [])),
        [0],
      )
      t.ok(
        (await wire.fetchBlock(two0!)).equals(one.content.subarray(PIECE_LENGTH, 2 * PIECE_LENGTH)),
        'what is right is sent',
      )
      wire.send({ type: 'request', ...one0! })
      t.ok((await wire.fetchBlock(two0!)).equals(one.content.subarray(PIECE_LENGTH, 2 * PIECE_LENGTH)))
      t.equal(wire.messagesOf('reject').length, fast ? 2 : 0)
      t.equal(wire.messagesOf('piece').length, 3)
      t.match(warnings, [/^a was changed by another program: 1 of its pieces is no longer right$/])
      t.same([...torrent.verified], [1, 2, 3])
      t.notOk(events.includes('error'))
      const lateWire = await dial(t, one, address, { sendGreeting: wire => wire.sendHandshake() })
      await lateWire.waitForMessages('bitfield')
      t.same([...lateWire.messagesOf('bitfield')[0]!.bytes], [0b01110000])
    },
  )
}

t.test('while sharing, a file that is removed is no longer shared, and others are', async t => {
  const directory = t.testdir({
    d: { a: made.content.subarray(0, 4 * PIECE_LENGTH), b: made.content.subarray(4 * PIECE_LENGTH) },
  })
  const clock = new VirtualClock()
  const storage = new FileStorage(made.metainfo, { directory })
  const listener = await new Listener({ bind: '127.0.0.1', clock, encryption: 'off' }).listen()
  t.teardown(() => listener.close())
  const torrent = new Torrent(made.metainfo, {
    ...{ storage, listener, clock, trackers: false, encryption: 'off', share: true, select: () => false },
  })
  const { errors, warnings } = log(torrent)
  t.teardown(() => torrent.close())
  await torrent.start().done
  const wire = await dial(t, made, { host: '127.0.0.1', port: listener.port! })
  await wire.waitForUnchoke()
  await wire.fetchBlock({ index: 0, begin: 0, length: PIECE_LENGTH })
  fs.unlinkSync(join(directory, 'd/a'))
  await clock.advance(1000)
  wire.send({ type: 'request', index: 1, begin: 0, length: PIECE_LENGTH })
  const b = await wire.fetchBlock({ index: 4, begin: 0, length: PIECE_LENGTH })
  t.ok(b.equals(made.content.subarray(4 * PIECE_LENGTH, 5 * PIECE_LENGTH)))
  t.equal(wire.messagesOf('piece').length, 2)
  while (warnings.length === 0) await new Promise(resolve => torrent.once('warning', resolve))
  t.match(warnings, [/^d\/a was changed by another program: 4 of its pieces are no longer right$/])
  t.same(errors, [])
  t.same([...torrent.verified], [4, 5, 6, 7])
})
