import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { type FileSystem, nodeFileSystem } from '../../../src/ports/file-system.ts'
import { SpillFile } from '../../../src/storage/spill-file.ts'
import { Spill } from '../../../src/streams/read/spill.ts'
import { Writable, waitForDrain } from '../../../src/streams/stage.ts'
import { generator, randomCuts } from '../../helpers/feed.ts'
import { noise } from '../../helpers/metainfo.ts'
import { RANDOM_SEED } from '../../helpers/random-seed.ts'
import { memoryDisk } from '../../helpers/swarm.ts'
import { settle } from '../../helpers/virtual-clock.ts'

const SLOT_BYTES = 1 << 18
const enospc = () => Object.assign(new Error('no space'), { code: 'ENOSPC', errno: -28 })

/** Wraps a disk on which all writes after the first `after` fail. */
function fullAfter(fs: FileSystem, after: number): FileSystem {
  let writes = 0
  const open: FileSystem['open'] = async (...args) => {
    const handle = await fs.open(...args)
    const { write } = handle
    return Object.assign(handle, {
      write: async (...args: Parameters<typeof write>) => {
        if (++writes > after) throw enospc()
        return write.apply(handle, args)
      },
    })
  }
  return { ...fs, constants: fs.constants, open, unlink: path => fs.unlink(path) }
}

async function disks(t: { teardown(call: () => unknown): unknown }) {
  const directory = await mkdtemp(join(tmpdir(), 'tsdl-spill-'))
  t.teardown(() => rm(directory, { recursive: true, force: true }))
  const memory = memoryDisk()
  return [
    { name: 'memfs', fs: memory as FileSystem, directory: '/home', list: () => memory.readdir('/home') },
    { name: 'a real disk', fs: nodeFileSystem, directory, list: () => readdir(directory) },
  ]
}

t.test('a spill file is a queue without a name, and no longer than the bytes that wait', async t => {
  for (const { name, list, ...place } of await disks(t)) {
    const file = new SpillFile(place)
    const random = generator(RANDOM_SEED)
    const content = noise(6 * SLOT_BYTES, 3)
    let written = 0
    let read = 0
    let maximum = 0
    while (read < content.length) {
      if (random() < 0.55 && written < content.length) {
        const end = Math.min(content.length, written + 1 + Math.floor(random() * SLOT_BYTES))
        await file.append(content.subarray(written, end))
        written = end
      } else if (file.length > 0) {
        const bytes = await file.take()
        if (!Buffer.from(bytes).equals(content.subarray(read, read + bytes.length)))
          t.fail(`${name}: wrong at ${read}, SEED=${RANDOM_SEED}`)
        read += bytes.length
      }
      maximum = Math.max(maximum, written - read)
      t.equal(file.length, written - read)
      if (file.size > maximum + 2 * SLOT_BYTES)
        t.fail(`${file.size} bytes for ${maximum} that waited, SEED=${RANDOM_SEED}`)
      t.same(await list(), [], name)
    }
    t.equal(file.size, 0, 'cut to nothing when all was read')
    t.same(await file.take(), new Uint8Array())
    await file.close()
    await file.close()
  }
})

t.test('bytes that were read make room: a reader that is always behind needs only what waits', async t => {
  const file = new SpillFile({ fs: memoryDisk(), directory: '/home' })
  const chunk = new Uint8Array(SLOT_BYTES / 2)
  for (let count = 0; count < 4; count++) await file.append(chunk)
  for (let count = 0; count < 200; count++) {
    await file.append(chunk)
    await file.append(chunk)
    await file.take()
  }
  t.ok(file.length > 0)
  t.ok(file.size <= file.length + 2 * SLOT_BYTES, `${file.size} for ${file.length}`)
  await file.close()
})

t.test('a file that cannot be unlinked while it is open is unlinked when it is closed', async t => {
  const fs = memoryDisk()
  let refuse = true
  const unlink = async (path: string) => {
    if (refuse) throw Object.assign(new Error('busy'), { code: 'EBUSY' })
    return fs.unlink(path)
  }
  const open: FileSystem['open'] = (...args) => fs.open(...args)
  const file = new SpillFile({ fs: { ...fs, constants: fs.constants, open, unlink }, directory: '/home' })
  await file.append(Buffer.from('abc'))
  t.match(await fs.readdir('/home'), [/^tsdl-/])
  refuse = false
  await file.close()
  t.same(await fs.readdir('/home'), [])
})

t.test('a full disk or a missing directory is a StorageError, and leaves nothing', async t => {
  for (const { fs, directory, list } of await disks(t)) {
    const full = new SpillFile({ fs: fullAfter(fs, 1), directory })
    await full.append(Buffer.from('a'))
    await t.rejects(full.append(Buffer.from('b')), { code: 'ERR_DISK_FULL', message: /cannot write .*tsdl-/ })
    await full.close()
    t.same(await list(), [])
    const nowhere = new SpillFile({ fs, directory: join(directory, 'missing') })
    await t.rejects(nowhere.append(Buffer.from('a')), { code: 'ERR_STORAGE' })
    await nowhere.close()
  }
  const blocked = join(tmpdir(), `tsdl-none-${process.pid}`)
  t.teardown(() => rm(blocked, { force: true }))
  await writeFile(blocked, '')
  await t.rejects(new SpillFile({ directory: blocked }).append(Buffer.from('a')), { code: 'ERR_STORAGE' })
})

/** Creates a stage with memfs as its disk, and records its output. */
function spill(options: { memory?: number; lend?: boolean; fs?: FileSystem } = {}) {
  const { fs = memoryDisk(), ...more } = options
  const backlog = new SpillFile({ fs, directory: '/home' })
  const stage = new Spill({ backlog, memory: 4096, ...more })
  const log: string[] = []
  for (const event of ['end', 'finish', 'close']) stage.on(event, () => log.push(event))
  stage.on('error', error => log.push(`error ${(error as { code?: string }).code ?? error.message}`))
  return { stage, backlog, log }
}

t.test('bytes that are not read go to disk, and come back in order', async t => {
  const { stage, backlog, log } = spill()
  const content = noise(3 * SLOT_BYTES + 5, 2)
  for (const chunk of randomCuts(content, RANDOM_SEED)) stage.write(chunk)
  await waitForDrain(stage)
  t.ok(backlog.length >= content.length - 3 * 4096, `${backlog.length}`)
  stage.end()
  const out: Uint8Array[] = []
  for await (const chunk of stage) out.push(chunk)
  t.ok(Buffer.concat(out).equals(content))
  t.strictSame(log, ['finish', 'end', 'close'])
})

t.test('a reader that keeps up uses no disk', async t => {
  const fs = fullAfter(memoryDisk(), 0)
  const { stage, log } = spill({ fs, memory: 1 << 20 })
  const out: Uint8Array[] = []
  stage.on('data', chunk => out.push(chunk))
  const content = noise(100_000, 4)
  for (const chunk of randomCuts(content, RANDOM_SEED)) {
    stage.write(chunk)
    await waitForDrain(stage)
  }
  stage.end()
  await new Promise(resolve => stage.once('close', resolve))
  t.ok(Buffer.concat(out).equals(content))
  t.strictSame(log, ['finish', 'end', 'close'])
})

t.test('a spill without any write ends cleanly', async t => {
  const { stage, log } = spill()
  stage.end()
  for await (const _ of stage) t.fail('a chunk out of nothing')
  t.strictSame(log, ['finish', 'end', 'close'])
})

t.test('lent memory can be reused once it was drained', async t => {
  const { stage } = spill({ lend: true })
  const content = noise(20_000, 5)
  const out: Uint8Array[] = []
  stage.on('readable', () => {}) // it reads ahead, so the first chunks are in memory
  await settle()
  for (let at = 0; at < content.length; at += 1000) {
    const chunk = Uint8Array.from(content.subarray(at, at + 1000))
    stage.write(chunk)
    await waitForDrain(stage)
    chunk.fill(0xee)
  }
  stage.end()
  for await (const chunk of stage) out.push(chunk)
  t.ok(Buffer.concat(out).equals(content))
})

t.test('at random speeds every byte comes in order', async t => {
  for (let seed = RANDOM_SEED; seed < RANDOM_SEED + 10; seed++) {
    const random = generator(seed)
    const { stage, log } = spill({ memory: 2 << Math.floor(random() * 16), lend: random() < 0.5 })
    const content = noise(200_000, seed)
    const out: Uint8Array[] = []
    let slow = false
    class Reader extends Writable<Uint8Array> {
      override _write(chunk: Uint8Array, done: () => void) {
        out.push(chunk)
        if (random() < 0.1) slow = !slow
        if (slow) setImmediate(done)
        else done()
      }
    }
    const sink = new Reader()
    const closed = Promise.all([sink, stage].map(each => new Promise(resolve => each.once('close', resolve))))
    stage.pipe(sink)
    for (const chunk of randomCuts(content, seed)) {
      if (!stage.write(chunk)) await waitForDrain(stage)
      if (random() < 0.02) await settle()
    }
    stage.end()
    await closed
    t.ok(Buffer.concat(out).equals(content), `SEED=${seed}`)
    t.equal(log.at(-1), 'close')
  }
})

t.test(
  'a disk that becomes full at any point is an error, never an end, and the output is a prefix',
  async t => {
    const content = noise(40_000, 6)
    for (let after = 0; after < 12; after++) {
      const { stage, log } = spill({ fs: fullAfter(memoryDisk(), after), memory: 2 })
      const out: Uint8Array[] = []
      const reading = (async () => {
        for await (const chunk of stage) {
          out.push(chunk)
          for (let turns = 0; turns < 30; turns++) await settle()
        }
      })()
      for (let at = 0; at < content.length; at += 2000) stage.write(content.subarray(at, at + 2000))
      stage.end()
      await t.rejects(reading, { code: 'ERR_DISK_FULL' }, `after ${after} writes`)
      t.ok(content.subarray(0, Buffer.concat(out).length).equals(Buffer.concat(out)))
      t.notOk(log.includes('end'))
      t.equal(log.at(-1), 'close')
    }
  },
)

t.test('a spill destroyed at any point closes once, with its file', async t => {
  for (let point = 0; point < 30; point++) {
    const fs = memoryDisk()
    const { stage, backlog, log } = spill({ fs, memory: 2 })
    const out: Uint8Array[] = []
    const closed = new Promise(resolve => stage.once('close', resolve))
    stage.on('data', chunk => out.push(chunk))
    for (let at = 0; at < 20; at++) stage.write(noise(1000, at))
    stage.end()
    for (let turns = 0; turns < point; turns++) await Promise.resolve()
    const error = point % 2 ? new Error('gone') : null
    const over = log.includes('end')
    stage.destroy(error)
    stage.destroy()
    await closed
    t.strictSame(
      log.filter(event => event !== 'finish'),
      over ? ['end', 'close'] : error ? ['error gone', 'close'] : ['close'],
    )
    t.same(await fs.readdir('/home'), [])
    await t.rejects(backlog.append(Buffer.from('x')), { code: 'ERR_ABORTED' })
  }
})
