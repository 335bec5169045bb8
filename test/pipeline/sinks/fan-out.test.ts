import { createWriteStream } from 'node:fs'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Readable, Writable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { type Destination, type FanOutOptions, fanOut } from '../../../src/pipeline/sinks/fan-out.ts'
import type { AnyWritable } from '../../../src/pipeline/sinks/sink-writer.ts'
import type { FileSystem } from '../../../src/ports/file-system.ts'
import { FileReader } from '../../../src/streams/read/file-reader.ts'
import { type Done, Writable as Stage } from '../../../src/streams/stage.ts'
import { generator } from '../../helpers/feed.ts'
import { noise } from '../../helpers/metainfo.ts'
import { RANDOM_SEED } from '../../helpers/random-seed.ts'
import { memoryDisk } from '../../helpers/swarm.ts'

const content = noise(300_000, 9)
const broken = (code: string) => Object.assign(new Error(code), { code })

interface SourceOptions {
  /** The position at which a read fails. */
  readonly failsAt?: number
  readonly lend?: boolean
  readonly chunk?: number
}

/** Creates a reader of `content` that reuses released memory. `out` is the number of lent bytes. */
function source({ failsAt = Number.POSITIVE_INFINITY, lend = false, chunk = 10_000 }: SourceOptions = {}) {
  const state = { out: 0, most: 0, taken: 0 }
  const reader = new FileReader({
    start: 0,
    end: content.length,
    lend,
    source: {
      async take(position, length) {
        if (position >= failsAt) throw broken('EGONE')
        const bytes = Uint8Array.from(content.subarray(position, position + Math.min(chunk, length)))
        state.taken = position + bytes.length
        state.most = Math.max(state.most, ++state.out)
        return {
          bytes,
          release() {
            state.out--
            bytes.fill(0xee)
          },
        }
      },
    },
  })
  return { reader, state }
}

/**
 * Creates a sink of Node or streamx that answers each write when `pace` resolves, and records its bytes and its end.
 */
function sink(kind: 'node' | 'streamx', pace: () => Promise<unknown> = async () => {}, failsAt = Infinity) {
  const got: Buffer[] = []
  const events: string[] = []
  const taken = () => got.reduce((sum, { length }) => sum + length, 0)
  const write = (chunk: Uint8Array, done: Done) => {
    if (taken() >= failsAt) {
      done(broken('EPIPE'))
      return
    }
    pace().then(() => {
      got.push(Buffer.from(chunk))
      done()
    })
  }
  class Slow extends Stage<Uint8Array> {
    override _write(chunk: Uint8Array, done: Done) {
      write(chunk, done)
    }
  }
  const stream: AnyWritable =
    kind === 'streamx'
      ? new Slow()
      : new Writable({ highWaterMark: 16_384, write: (chunk, _, done) => write(chunk, done) })
  for (const event of ['finish', 'close']) stream.on(event, () => events.push(event))
  stream.on('error', error => events.push((error as NodeJS.ErrnoException).code ?? error.message))
  return { stream, events, taken, bytes: () => Buffer.concat(got) }
}

/** Calls `fanOut` with temporary files on memfs. Returns the results, and the files that are left. */
async function settled(
  reader: Parameters<typeof fanOut>[0],
  destinations: Destination[],
  options: FanOutOptions = {},
) {
  const fs = memoryDisk()
  const ends = fanOut(reader, destinations, { fs: fs as FileSystem, directory: '/home', ...options })
  const results = await Promise.allSettled(ends)
  const why = results.map(end =>
    end.status === 'fulfilled' ? 'whole' : (end.reason.code ?? end.reason.message),
  )
  for (let turns = 0; turns < 20; turns++) await turn()
  return { why, left: (await fs.readdir('/home')) as string[] }
}

const STREAM_KINDS = ['node', 'streamx'] as const
const SINK_POLICIES = ['block', 'spill'] as const

t.test('every sink gets every byte at its own random pace, and all lent memory is released', async t => {
  for (let seed = RANDOM_SEED; seed < RANDOM_SEED + 12; seed++) {
    const random = generator(seed)
    const lend = random() < 0.6
    const { reader, state } = source({ lend, chunk: 1 + Math.floor(random() * 30_000) })
    const sinks = Array.from({ length: 1 + Math.floor(random() * 4) }, () => {
      const slowness = random() ** 2
      return sink(random() < 0.5 ? 'node' : 'streamx', async () => {
        while (random() < slowness) await turn()
      })
    })
    const destinations = sinks.map(({ stream }) => ({
      sink: stream,
      policy: SINK_POLICIES[Math.floor(random() * 2)]!,
      memory: 2 << Math.floor(random() * 18),
    }))
    const { why, left } = await settled(reader, destinations, { lend })
    t.ok(
      why.every(end => end === 'whole') && sinks.every(each => each.bytes().equals(content)),
      `SEED=${seed}`,
    )
    t.ok(sinks.every(({ events }) => events.join() === 'finish,close'))
    t.equal(state.out, 0, 'all that was lent was given back')
    t.same(left, [])
  }
})

t.test('a slow sink that blocks delays all sinks; one that spills delays none', async t => {
  for (const kind of STREAM_KINDS) {
    for (const policy of SINK_POLICIES) {
      const { reader, state } = source()
      let go = () => {}
      const still = new Promise<void>(resolve => {
        go = resolve
      })
      const slow = sink(kind, () => still)
      const fast = sink('node')
      const fs = memoryDisk() as FileSystem
      const ends = fanOut(reader, [{ sink: slow.stream, policy, memory: 1000 }, { sink: fast.stream }], {
        fs,
        directory: '/home',
      })
      if (policy === 'spill') await ends[1]
      for (let turns = 0; turns < 200; turns++) await turn()
      t.equal(slow.taken(), 0)
      if (policy === 'spill') t.ok(fast.bytes().equals(content), 'the other has all of it')
      else t.ok(state.taken <= 150_000 && fast.taken() <= 40_000, `${state.taken} ${fast.taken()}`)
      go()
      await Promise.all(ends)
      t.ok(slow.bytes().equals(content) && fast.bytes().equals(content))
    }
  }
})

t.test('a sink that fails at any point rejects its own promise, and the others get every byte', async t => {
  for (const kind of STREAM_KINDS) {
    for (const policy of SINK_POLICIES) {
      for (const failsAt of [0, 10_000, 150_000, 290_000]) {
        const { reader, state } = source({ lend: true })
        const bad = sink(kind, undefined, failsAt)
        const good = [sink('node'), sink('streamx')]
        const { why, left } = await settled(
          reader,
          [{ sink: bad.stream, policy }, ...good.map(({ stream }) => ({ sink: stream }))],
          { lend: true },
        )
        t.strictSame(why, ['EPIPE', 'whole', 'whole'], `${kind} ${policy} at ${failsAt}`)
        t.ok(good.every(each => each.bytes().equals(content)))
        t.notOk(bad.events.includes('finish'))
        t.same([state.out, left.length], [0, 0])
      }
    }
  }
})

t.test('the fan-out ends when a required sink fails, and when the last sink fails', async t => {
  for (const together of [true, false]) {
    const { reader } = source()
    const sinks = together
      ? [sink('node', undefined, 50_000), sink('streamx')]
      : [sink('node', undefined, 50_000), sink('streamx', undefined, 90_000)]
    const { why } = await settled(
      reader,
      sinks.map(({ stream }) => ({ sink: stream })),
      { together },
    )
    t.strictSame(why, ['EPIPE', 'EPIPE'])
    t.equal(reader.destroyed, true)
    t.notOk(sinks.some(({ events }) => events.includes('finish')))
  }
})

t.test('a source that fails at any point destroys every sink with its error and ends none', async t => {
  for (const failsAt of [0, 10_000, 150_000, 290_000]) {
    for (const policy of SINK_POLICIES) {
      const { reader, state } = source({ failsAt, lend: policy === 'spill' })
      const sinks = STREAM_KINDS.map(kind => sink(kind, () => turn()))
      const { why, left } = await settled(
        reader,
        sinks.map(({ stream }) => ({ sink: stream, policy })),
        {
          lend: policy === 'spill',
        },
      )
      t.strictSame(why, ['EGONE', 'EGONE'])
      for (const { events, bytes } of sinks) {
        t.strictSame(events, ['EGONE', 'close'])
        t.ok(content.subarray(0, bytes().length).equals(bytes()))
      }
      t.same([state.out, left.length], [0, 0])
    }
  }
})

t.test(
  'a source that is closed at any point, with or without an error, gives all bytes or an error',
  async t => {
    for (let point = 0; point < 60; point += 3) {
      for (const error of [undefined, broken('EMINE')]) {
        const { reader } = source({ chunk: 60_000 })
        const sinks = STREAM_KINDS.map(kind => sink(kind))
        const ends = settled(
          reader,
          sinks.map(({ stream }, at) => ({ sink: stream, policy: SINK_POLICIES[at]! })),
        )
        for (let turns = 0; turns < point; turns++) await Promise.resolve()
        reader.destroy(error)
        const { why } = await ends
        for (const [at, { events, bytes }] of sinks.entries()) {
          if (why[at] === 'whole') t.ok(bytes().equals(content))
          else t.same([why[at], events.includes('finish')], [error ? 'EMINE' : 'ERR_ABORTED', false])
        }
      }
    }
  },
)

t.test('a failure is reported at once, also while a sink accepts nothing', async t => {
  const { reader } = source()
  const stuck = sink('node', () => new Promise(() => {}))
  const ends = fanOut(reader, [{ sink: stuck.stream }])
  for (let turns = 0; turns < 20; turns++) await turn()
  reader.destroy(broken('EGONE'))
  await t.rejects(ends[0]!, { code: 'EGONE' })
})

t.test(
  'a signal ends all sinks with its reason, before, during and after the reading of the source',
  async t => {
    const before = sink('node')
    const { reader } = source()
    const signal = AbortSignal.abort(broken('EBEFORE'))
    t.strictSame((await settled(reader, [{ sink: before.stream }], { signal })).why, ['EBEFORE'])
    t.equal(reader.destroyed, true)
    for (const policy of SINK_POLICIES) {
      const controller = new AbortController()
      const other = source()
      const sinks = [sink('streamx', () => turn()), sink('node', () => turn())]
      const ends = settled(
        other.reader,
        sinks.map(({ stream }) => ({ sink: stream, policy })),
        { signal: controller.signal },
      )
      while (sinks[0]!.taken() < 20_000) await turn()
      controller.abort(broken('ESTOP'))
      t.strictSame((await ends).why, ['ESTOP', 'ESTOP'])
      t.notOk(sinks.some(({ events }) => events.includes('finish')))
    }
  },
)

t.test('a sink that is ended or closed before it has every byte rejects', async t => {
  for (const kind of STREAM_KINDS) {
    for (const how of ['end', 'destroy'] as const) {
      for (const early of [true, false]) {
        const { reader } = source()
        const cut: ReturnType<typeof sink> = sink(kind, async () => {
          if (!early && cut.taken() > 50_000) (cut.stream as Writable)[how]()
        })
        const whole = sink('node')
        if (early) (cut.stream as Writable)[how]()
        const { why } = await settled(reader, [{ sink: cut.stream }, { sink: whole.stream }])
        t.equal(why[1], 'whole', `${kind} ${how} ${early}`)
        t.match(why[0], /^ERR_(ABORTED|STREAM_|WRITE_AFTER)/)
      }
    }
  }
})

t.test('a disk too full to spill fails its sink and no other', async t => {
  const fs = memoryDisk() as FileSystem
  const open: FileSystem['open'] = async (...args) =>
    Object.assign(await fs.open(...args), {
      write: async () => {
        throw broken('ENOSPC')
      },
    })
  const { reader } = source()
  const [slow, fast] = [sink('node', () => turn()), sink('node')]
  const full = { ...fs, constants: fs.constants, unlink: (path: string) => fs.unlink(path), open }
  const { why } = await settled(
    reader,
    [{ sink: slow.stream, policy: 'spill', memory: 1000 }, { sink: fast.stream }],
    { fs: full },
  )
  t.strictSame(why, ['ERR_DISK_FULL', 'whole'])
  t.ok(fast.bytes().equals(content))
  t.notOk(slow.events.includes('finish'))
})

t.test(
  'real files, streams of Node as source and between, and temporary files on a real disk work together',
  async t => {
    const dir = await mkdtemp(join(tmpdir(), 'tsdl-fan-'))
    t.teardown(() => rm(dir, { recursive: true, force: true }))
    const [file, copy] = [join(dir, 'file'), join(dir, 'copy')]
    const way = new PassThrough()
    const copied = finished(way.pipe(createWriteStream(copy)))
    const chunks = Array.from({ length: 30 }, (_, at) => content.subarray(at * 10_000, (at + 1) * 10_000))
    const ends = fanOut(
      Readable.from(chunks),
      [{ sink: createWriteStream(file) }, { sink: way, policy: 'spill', memory: 1000 }],
      { directory: dir },
    )
    await Promise.all(ends)
    await copied
    t.ok((await readFile(file)).equals(content))
    t.same((await readdir(dir)).sort(), ['copy', 'file'])
    const missing = createWriteStream(join(dir, 'none', 'file'))
    const other = createWriteStream(join(dir, 'again'))
    const failed = fanOut(Readable.from(chunks), [{ sink: missing }, { sink: other }])
    await t.rejects(failed[0]!, { code: 'ENOENT' })
    await failed[1]
    t.ok((await readFile(join(dir, 'again'))).equals(content))
  },
)

t.test('an empty list of destinations is rejected', async t => {
  t.throws(() => fanOut(source().reader, []), { code: 'ERR_USAGE' })
})
