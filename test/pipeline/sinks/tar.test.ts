import { execFile, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { lstat, mkdtemp, readdir, readFile, readlink, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { Header } from 'tar/header'
import { runAtOnce } from '../../../src/codec/steps.ts'
import { tarHeader } from '../../../src/codec/tar-header.ts'
import { InputError, StorageError } from '../../../src/errors.ts'
import type { FileEntry, Metainfo } from '../../../src/metainfo/metainfo.ts'
import { placePaths } from '../../../src/metainfo/paths.ts'
import { FileSequence } from '../../../src/pipeline/reading/file-sequence.ts'
import { type TarOptions, tarOf, tarSize } from '../../../src/pipeline/sinks/tar.ts'
import { type StreamTarOptions, streamTar } from '../../../src/pipeline/stream-tar.ts'
import { FileReader } from '../../../src/streams/read/file-reader.ts'
import type { TarBody } from '../../../src/streams/read/tar-packer.ts'
import { anyCharacter } from '../../helpers/any-character.ts'
import { generator } from '../../helpers/feed.ts'
import { type FileSpec, makeTorrent } from '../../helpers/metainfo.ts'
import { recordStage } from '../../helpers/record-stage.ts'
import { type PeerScript, scriptedPeer } from '../../helpers/scripted-peer.ts'
import { leavesNothing, OFFLINE_OPTIONS } from '../../helpers/swarm.ts'
import { settle, VirtualClock } from '../../helpers/virtual-clock.ts'

/** Returns the archive of a made torrent, with bodies in chunks of at most `maxLength` bytes. */
async function archived(files: readonly FileSpec[], options: Partial<TarOptions> = {}, maxLength = 65536) {
  const torrent = makeTorrent({ files, multiFile: true })
  const parts: Uint8Array[] = []
  for await (const part of tarOf(torrent.metainfo, { open: bodiesOf(torrent, maxLength), ...options }))
    parts.push(part)
  return { ...torrent, archive: Buffer.concat(parts) }
}

function bodiesOf({ metainfo, content }: { metainfo: Metainfo; content: Buffer }, maxLength = 65536) {
  return (fileIndex: number): TarBody => {
    const { offset, length } = metainfo.files[fileIndex]!
    const chunks: Buffer[] = []
    for (let at = 0; at < length; at += maxLength)
      chunks.push(content.subarray(offset + at, offset + Math.min(length, at + maxLength)))
    return Readable.from(chunks)
  }
}

interface Unpacked {
  /** Contents by path; a symlink as `-> target`. */
  readonly files: Map<string, Buffer | string>
  readonly executable: string[]
  readonly stderr: string
}

/** Unpacks an archive that a program reads from a pipe. */
async function unpack(archive: Buffer, command = 'tar'): Promise<Unpacked> {
  const directory = await mkdtemp(join(tmpdir(), 'tsdl-tar-'))
  try {
    const stderr = await new Promise<string>((resolve, reject) => {
      const child = execFile(command, ['-xf', '-', '-C', directory], (error, _, stderr) =>
        error ? reject(error) : resolve(stderr),
      )
      child.stdin!.end(archive)
    })
    const files = new Map<string, Buffer | string>()
    const executable: string[] = []
    // not by `recursive`, with which Node 26 follows symlinks
    const directories = [directory]
    for (let inside = directories.pop(); inside !== undefined; inside = directories.pop()) {
      for (const entry of await readdir(inside, { withFileTypes: true })) {
        const at = join(inside, entry.name)
        const path = at.slice(directory.length + 1)
        if (entry.isSymbolicLink()) files.set(path, `-> ${await readlink(at)}`)
        if (entry.isDirectory()) directories.push(at)
        if (!entry.isFile()) continue
        files.set(path, await readFile(at))
        const { mode, mtimeMs } = await lstat(at)
        if (mode & 0o100) executable.push(path)
        if (mtimeMs !== 0) throw new Error(`${path} is of ${mtimeMs}`)
      }
    }
    return { files, executable, stderr }
  } finally {
    await rm(directory, { recursive: true })
  }
}

const kinds: readonly FileSpec[] = [
  { path: 'torrent/a.txt', contents: 'hello' },
  { path: 'torrent/.pad/507', length: 507, pad: true },
  { path: 'torrent/bin/run', length: 512, executable: true },
  { path: 'torrent/empty' },
  { path: 'torrent/Käse/日本語.txt', length: 70_000 },
  { path: `torrent/${'deep/'.repeat(60)}${'x'.repeat(200)}`, length: 3 },
  { path: `torrent/${'d'.repeat(90)}/${'f'.repeat(80)}`, length: 1 },
  { path: 'torrent/up/to', symlink: 'torrent/a.txt' },
  { path: 'torrent/far', symlink: `torrent/${'deep/'.repeat(60)}${'x'.repeat(200)}` },
  { path: 'torrent/up/here', symlink: 'torrent/up' },
]
const links = ['-> ../a.txt', `-> ${'deep/'.repeat(60)}${'x'.repeat(200)}`, '-> .']

for (const program of ['tar', 'bsdtar']) {
  const missing = spawnSync(program, ['--version']).error !== undefined
  const skip = missing && `${program} is not installed`
  t.test(`${program} unpacks every kind of file without a warning`, { skip }, async t => {
    const { archive, metainfo, content } = await archived(kinds)
    const { files, executable, stderr } = await unpack(archive, program)
    t.equal(stderr, '')
    t.same(executable, ['torrent/bin/run'])
    const stored = metainfo.files.filter(file => !file.pad)
    t.same([...files.keys()].sort(), stored.map(file => file.path).sort(), 'all but padding')
    for (const { path, symlink, offset, length } of stored)
      if (symlink === undefined)
        t.ok(content.subarray(offset, offset + length).equals(files.get(path) as Buffer), path)
    t.same(
      stored.flatMap(({ path, symlink }) => (symlink === undefined ? [] : [files.get(path)])),
      links,
    )
  })

  t.test(`${program} unpacks a hidden file`, { skip }, async t => {
    const { archive } = await archived([{ path: 'torrent/seldom', contents: 'seen', hidden: true }])
    t.match(archive.toString('latin1'), '24 SCHILY.fflags=hidden\n')
    t.same((await unpack(archive, program)).files.get('torrent/seldom'), Buffer.from('seen'))
  })
}

t.test('for all names and sizes, tar unpacks the same files, and the size is known beforehand', async () => {
  const name = fc.oneof(
    fc.string({ unit: anyCharacter, minLength: 1, maxLength: 12 }),
    fc
      .tuple(fc.constantFrom('n', 'ü', '字', '😀'), fc.integer({ min: 1, max: 60 }))
      .map(([c, n]) => c.repeat(n)),
  )
  const files = fc.array(
    fc.record({
      names: fc.array(
        name.filter(it => !/[/\\\0]|^\.\.?$|^[a-z]:/i.test(it)),
        { minLength: 1, maxLength: 8 },
      ),
      length: fc.oneof(fc.constantFrom(0, 1, 511, 512, 513), fc.integer({ min: 0, max: 3000 })),
      executable: fc.boolean(),
    }),
    { minLength: 1, maxLength: 6 },
  )
  await fc.assert(
    fc.asyncProperty(files, fc.integer({ min: 1, max: 2000 }), async (given, maxLength) => {
      const paths = runAtOnce(
        placePaths(
          given.map(({ names }) => ({
            where: 'it',
            names: ['torrent', ...names].map(it => Buffer.from(it)),
          })),
          () => {},
          false,
        ),
      )
      const specs = given.map((file, index) => ({ ...file, path: paths[index]! }))
      const { archive, metainfo, content } = await archived(specs, {}, maxLength)
      const { files, executable } = await unpack(archive)
      if (tarSize(metainfo) !== archive.length)
        throw new Error(`${tarSize(metainfo)} is not ${archive.length}`)
      const runs = specs.filter(spec => spec.executable).map(spec => spec.path)
      return (
        files.size === specs.length &&
        runs.sort().join('\n') === executable.sort().join('\n') &&
        metainfo.files.every(({ path, offset, length }) =>
          content.subarray(offset, offset + length).equals(files.get(path) as Buffer),
        )
      )
    }),
    { numRuns: 12 },
  )
})

t.test(
  'an archive has the same bytes every time, whatever the chunks and the version of the library',
  async t => {
    const once = await archived(kinds)
    const again = await archived(kinds, {}, 100)
    t.ok(once.archive.equals(again.archive))
    // A change of it changes checksums of users, and belongs in the changelog.
    t.equal(createHash('sha1').update(once.archive).digest('hex'), '46f084f49b2ca21d84ad42f431d3a2d4656ec8a6')
  },
)

t.test(
  'selected files are packed in the order of the torrent, without its directory if requested',
  async t => {
    const select = (index: number) => [0, 3, 7].includes(index)
    const { archive, metainfo } = await archived(kinds, { select, strip: true })
    const listed = spawnSync('tar', ['-tf', '-'], { input: archive, encoding: 'utf8' })
    t.equal(listed.stdout, 'a.txt\nempty\nup/to\n')
    t.equal((await unpack(archive)).files.get('up/to'), '-> ../a.txt')
    t.equal(tarSize(metainfo, { select, strip: true }), archive.length)
  },
)

t.test('the file of a single-file torrent keeps its name', async t => {
  const { metainfo } = makeTorrent({ files: [{ path: 'film.mkv', length: 1 }] })
  const options = { strip: true, open: () => Readable.from([Buffer.from('x')]) }
  const archive = Buffer.concat(await Readable.from(tarOf(metainfo, options)).toArray())
  t.match(archive.toString('latin1'), /^film\.mkv\0/)
})

t.test('a file over 8 GiB has its length in a pax header', async t => {
  const length = 9 * 2 ** 30 + 1
  const files = [{ path: 'big', length, offset: 0, pad: false, executable: false, hidden: false }]
  const stage = tarOf({ files, multiFile: false }, { open: () => new Readable({ read() {} }) })
  const header = await new Promise<Uint8Array>(resolve => stage.once('data', resolve))
  stage.destroy()
  t.match(Buffer.from(header).toString('latin1'), `size=${length}\n`)
  // The bytes are then missing.
  t.match(
    spawnSync('tar', ['-tvf', '-'], { input: header, encoding: 'utf8', env: { ...process.env, TZ: 'UTC' } })
      .stdout,
    ` ${length} 1970-01-01`,
  )
})

t.test('a path that leads outside is rejected at once', t => {
  const base = { length: 0, offset: 0, pad: false, executable: false, hidden: false }
  const unsafe = ['/etc/passwd', '../x', 'torrent/../../x', 'torrent//x', 'torrent/./x', '', 'torrent/\0']
  const refused = (file: FileEntry) => {
    const metainfo = { files: [file], multiFile: true }
    for (const strip of [false, true])
      t.throws(
        () => tarOf(metainfo, { strip, open: () => Readable.from([]) }),
        { constructor: InputError, code: 'ERR_PATH' },
        JSON.stringify(file),
      )
  }
  for (const path of unsafe) {
    refused({ ...base, path })
    refused({ ...base, path: 'torrent/link', symlink: path })
  }
  t.end()
})

/** Creates a torrent of two files, with bodies that a test feeds. */
function fed(options: Partial<TarOptions> = {}) {
  const { metainfo } = makeTorrent({
    files: [
      { path: 'torrent/one', length: 1000 },
      { path: 'torrent/two', length: 1000 },
    ],
  })
  const bodies: Readable[] = []
  const open = () => {
    bodies.push(new Readable({ read() {} }))
    return bodies.at(-1)!
  }
  const stage = tarOf(metainfo, { open, ...options })
  return { stage, bodies, ...recordStage(stage) }
}

t.test('one file is open at a time, and the next is opened after the previous one ended', async t => {
  const { bodies, flow, log } = fed()
  await flow()
  t.equal(bodies.length, 1)
  bodies[0]!.push(Buffer.alloc(1000))
  await settle()
  t.equal(bodies.length, 1)
  bodies[0]!.push(null)
  await settle()
  t.equal(bodies.length, 2)
  bodies[1]!.push(Buffer.alloc(1000))
  bodies[1]!.push(null)
  await settle()
  t.same(log, ['end', 'close'])
})

t.test('a body that fails fails the archive', async t => {
  const { bodies, flow, log } = fed()
  await flow()
  bodies[0]!.push(Buffer.alloc(500))
  await settle()
  bodies[0]!.destroy(new StorageError('ERR_STORAGE', 'the disk is gone'))
  await settle()
  t.same(log, ['error the disk is gone', 'close'])
})

t.test('a body is opened when it is read, so that its error is handled', async t => {
  const empty = Array.from({ length: 127 }, (_, n) => ({ path: `torrent/${n}` }))
  const { metainfo } = makeTorrent({ files: [...empty, { path: 'torrent/last', length: 1 }] })
  let opened = 0
  const open = () => {
    opened++
    const body = new Readable({ read() {} })
    process.nextTick(() => body.destroy(new Error('no such file')))
    return body
  }
  const stage = tarOf(metainfo, { open })
  stage.read() // as much as may be buffered: all headers
  await settle()
  t.equal(opened, 0)
  await t.rejects(Readable.from(stage).toArray(), { message: 'no such file' })
})

t.test('a file that cannot be opened fails the archive', async t => {
  const open = () => {
    throw new InputError('ERR_USAGE', 'no such file')
  }
  const { flow, log } = fed({ open })
  await flow()
  t.same(log, ['error no such file', 'close'])
})

t.test('a body with another length than its file fails the archive', async t => {
  const long = fed()
  await long.flow()
  long.bodies[0]!.push(Buffer.alloc(1001))
  await settle()
  t.same(long.log, ['error the stream of "torrent/one" goes on after the 1000 bytes of that file', 'close'])
  t.ok(long.bodies[0]!.destroyed)

  const short = fed()
  await short.flow()
  short.bodies[0]!.push(Buffer.alloc(999))
  short.bodies[0]!.push(null)
  await settle()
  t.same(short.log, [
    'error the stream of "torrent/one" ends 1 bytes short of the 1000 bytes of that file',
    'close',
  ])
})

t.test('destroying the archive destroys the open body, even if the body is silent', async t => {
  const { stage, bodies, flow, log } = fed()
  await flow()
  stage.destroy()
  await settle()
  t.ok(bodies[0]!.destroyed)
  t.equal(bodies.length, 1)
  t.same(log, ['close'])
})

t.test('no body is read while the archive is not read', async t => {
  let taken = 0
  const piece = Buffer.alloc(1 << 16)
  const source = { take: async () => ({ bytes: piece, release: () => {}, n: taken++ }) }
  const files = [{ path: 'big', length: 1 << 24, offset: 0, pad: false, executable: false, hidden: false }]
  const stage = tarOf(
    { files, multiFile: false },
    { open: () => new FileReader({ source, start: 0, end: 1 << 24 }) },
  )
  stage.read()
  for (let round = 0; round < 20; round++) await settle()
  t.ok(taken > 0 && taken < 5, `${taken} chunks taken`)
  stage.destroy()
})

/** Creates an archive of two files with lent chunks. `out` has the chunks that were not released. */
function lending() {
  const out = new Set<Uint8Array>()
  const source = {
    take: async (_: number, length: number) => {
      const bytes = new Uint8Array(Math.min(length, 400))
      out.add(bytes)
      return { bytes, release: () => out.delete(bytes) }
    },
  }
  const start = (index: number) => index * 1000
  const open = (index: number) =>
    new FileReader({ source, start: start(index), end: start(index + 1), lend: true })
  return { ...fed({ open, lend: true }), out }
}

t.test('lent chunks pass without a copy and are released to their owner, even after the end', async t => {
  const { stage, chunks, out, flow, log } = lending()
  await flow()
  for (let round = 0; round < 5; round++) await settle()
  t.same(log, ['end', 'close'])
  t.equal(out.size, 6)
  t.equal(chunks.filter(chunk => out.has(chunk)).length, 6)
  for (const chunk of chunks) stage.release(chunk)
  t.equal(out.size, 0)
})

t.test('destroying the archive releases everything that was lent', async t => {
  const { stage, out } = lending()
  stage.read()
  await settle()
  t.ok(out.size > 0)
  stage.destroy()
  for (let round = 0; round < 5; round++) await settle()
  t.equal(out.size, 0)
})

/** Creates an archive of a download from a peer, which is ended with test `t`. */
async function swarmed(t: Test, options: StreamTarOptions = {}, script: PeerScript = {}) {
  leavesNothing(t)
  const files = kinds.map(file => (file.path.includes('.pad') ? { ...file, length: 40_000 } : file))
  const expected = await archived(files, pick(options))
  const { address } = await scriptedPeer(t, expected, script)
  const clock = new VirtualClock()
  const common = { ...OFFLINE_OPTIONS, clock, random: generator(1), peers: [address] }
  const stage = streamTar(expected.metainfo, { ...common, ...options })
  const torrent = await stage.torrent
  t.teardown(() => torrent.close())
  return { stage, torrent, archive: expected.archive, clock }
}

const over = (torrent: { once(name: 'close', call: () => void): unknown }) =>
  new Promise<void>(resolve => torrent.once('close', resolve))

function pick({ select, strip }: StreamTarOptions) {
  return { ...(select && { select }), ...(strip && { strip }) }
}

t.test('a download from a peer gives the same archive in the smallest memory', async t => {
  const choices: StreamTarOptions[] = [
    {},
    { memory: 1 },
    { strip: true, select: index => index > 3 },
    { select: index => [2, 9].includes(index) },
    { select: index => kinds[index]!.symlink !== undefined },
  ]
  for (const options of choices) {
    const { stage, torrent, archive, clock } = await swarmed(t, { lend: true, ...options })
    const closed = over(torrent)
    const chunks: Buffer[] = []
    for await (const chunk of stage) {
      chunks.push(Buffer.from(chunk))
      stage.release(chunk)
    }
    await closed
    t.ok(archive.equals(Buffer.concat(chunks)), JSON.stringify(options))
    t.equal(clock.pending, 0)
  }
})

t.test(
  'a torrent that is destroyed at any point gives the whole archive or an error, never a short end',
  async t => {
    for (let at = 0; at < 8; at++) {
      for (const error of [new Error('gone'), undefined]) {
        const { stage, torrent, archive } = await swarmed(
          t,
          {},
          {
            request: (block, wire, n) => {
              wire.sendBlock(block)
              if (n === at) setImmediate(() => torrent.destroy(error))
            },
          },
        )
        const outcome = await Readable.from(stage)
          .toArray()
          .catch((error: unknown) => error)
        if (Array.isArray(outcome)) t.ok(archive.equals(Buffer.concat(outcome)))
        else t.match(outcome, error ?? { code: 'ERR_ABORTED' })
        await torrent.close()
      }
    }
  },
)

t.test('destroying the archive closes its torrent', async t => {
  const { stage, torrent, clock } = await swarmed(t, { memory: 1 })
  const closed = over(torrent)
  await stage[Symbol.asyncIterator]().next()
  stage.destroy()
  await closed
  t.equal(clock.pending, 0)
})

t.test('headers have the bytes of the library', async t => {
  const path = fc.stringMatching(/^[ -.0-~]{1,60}(?:\/[ -.0-~]{1,60})?$/)
  const length = fc.oneof(fc.nat(), fc.nat(8 ** 11 - 1))
  await fc.assert(
    fc.property(path, length, fc.boolean(), (path, length, executable) => {
      const expected = Buffer.alloc(512)
      const mode = executable ? 0o755 : 0o644
      const header = new Header({
        path,
        size: length,
        mode,
        type: 'File',
        uid: 0,
        gid: 0,
        mtime: new Date(0),
      })
      if (header.encode(expected)) return
      t.same(tarHeader({ path, length, executable, hidden: false }), expected)
    }),
  )
})

t.test('small files that are in memory share a chunk, and are not opened', async t => {
  const files = Array.from({ length: 200 }, (_, at) => ({ path: `f${at}`, length: 1 + ((at * 37) % 900) }))
  const { archive, content, metainfo } = await archived(files)
  const opened: number[] = []
  const packer = tarOf(metainfo, {
    open: index => {
      opened.push(index)
      return bodiesOf({ metainfo, content })(index)
    },
    peek: index => {
      if (index === 50) return undefined
      const { length, offset } = metainfo.files[index]!
      return content.subarray(offset, offset + length)
    },
  })
  const parts: Uint8Array[] = []
  for await (const part of packer) parts.push(part)
  t.same(Buffer.concat(parts), archive)
  t.same(opened, [50])
  t.ok(parts.length < 10, `${parts.length} chunks`)
})

t.test('a sequence takes small files together, but none that is not read', async t => {
  const lengths = [10, 20, 30, 40, 300_000, 5, 6]
  const files = lengths.map((length, at) => ({ path: `f${at}`, length }))
  const { content, metainfo } = makeTorrent({ files, multiFile: true, pieceLength: 1 << 19 })
  const taken: [position: number, length: number][] = []
  let lent = 0
  const open = () => ({
    take: async (position: number, length: number) => {
      taken.push([position, length])
      lent++
      return { bytes: content.subarray(position, position + length), release: () => lent-- }
    },
    close() {},
  })
  const sequence = new FileSequence({ metainfo, open }, { select: index => index !== 2 })
  const bytesOf = (index: number) => {
    const { length, offset } = metainfo.files[index]!
    return content.subarray(offset, offset + length)
  }
  const read = async (index: number) => {
    const parts: Uint8Array[] = []
    for await (const part of sequence.read(index)) parts.push(part)
    t.same(Buffer.concat(parts), bytesOf(index))
  }
  await read(0)
  t.same(sequence.peek(1), bytesOf(1))
  t.equal(sequence.peek(3), undefined)
  await read(3)
  t.equal(sequence.peek(4), undefined)
  await read(4)
  await read(5)
  t.same(sequence.peek(6), bytesOf(6))
  sequence.close()
  t.equal(lent, 0)
  t.same(taken, [
    [0, 30],
    [60, 40],
    [100, 300_000],
    [300_100, 11],
  ])
})
