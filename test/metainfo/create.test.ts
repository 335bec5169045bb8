import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import t from 'tap'
import { type CreateOptions, create, defaultPieceLength } from '../../src/metainfo/create.ts'
import { parse } from '../../src/metainfo/parse.ts'
import type { SourceFile } from '../../src/metainfo/source-file.ts'
import { inProject } from '../helpers/project.ts'

const KiB = 1024
const fixture = (name: string) => readFileSync(inProject(`fixtures/${name}`))

/** The content that fixtures/README.md describes. */
const content = (length: number, seed: number) =>
  Buffer.from(Uint8Array.from({ length }, (_, i) => 7 * i + Math.floor(i / 251) + seed))

/** Returns a file that is read in chunks of `cut` bytes through one reused buffer. */
function source(path: string, bytes: Buffer, cut = 1000, length = bytes.length): SourceFile {
  return {
    path: path === '' ? [] : path.split('/'),
    length,
    async *read() {
      const reused = Buffer.alloc(cut)
      for (let at = 0; at < bytes.length; at += cut) {
        const part = bytes.subarray(at, at + cut)
        part.copy(reused)
        yield reused.subarray(0, part.length)
      }
    },
  }
}

const small: CreateOptions = { name: 'a', files: [source('', content(10, 0))] }

t.test('the torrent of a file has the same info-hash as that of another client', async t => {
  const theirs = parse(fixture('transmission-single.torrent'))
  const files = [source('', content(100_000, 1), 777)]
  const ours = parse((await create({ name: 'single.bin', files, pieceLength: 32 * KiB })).torrent)
  t.same(ours.hashes, theirs.hashes)
  t.same(ours.files, theirs.files)
})

t.test(
  'the torrent of a directory has the same info-hash as that of another client, also if private',
  async t => {
    const files = [
      source('a.txt', content(10, 2)),
      source('sub/b.bin', content(70_000, 3), 16 * KiB),
      source('sub/déjà/c', content(1, 4)),
    ]
    const made = await create({ name: 'multi', files, pieceLength: 16 * KiB, private: true })
    t.equal(made.infoHash.toString('hex'), '00f5d5aaf6694d157f93bb811a1e50297be4ca30')
    t.same(parse(made.torrent).infoHash, made.infoHash)
    t.match(made, { length: 70_011, pieceCount: 5, pieceLength: 16 * KiB, warnings: [] })
  },
)

t.test('hashes do not depend on the chunk boundaries of the source', async t => {
  const bytes = content(100, 5)
  const expected = [0, 32, 64, 96].map(at =>
    createHash('sha1')
      .update(bytes.subarray(at, at + 32))
      .digest(),
  )
  for (const cut of [1, 7, 31, 32, 33, 64, 100]) {
    const { torrent } = await create({ name: 'a', files: [source('', bytes, cut)], pieceLength: 32 })
    t.same(parse(torrent).hashes, Buffer.concat(expected), String(cut))
  }
})

t.test('every option is written and parsed back', async t => {
  const trackers = [['http://a.example/x', 'udp://b.example:1'], [], ['https://c.example/']]
  const rest = {
    webSeeds: ['http://w.example/'],
    comment: 'ü',
    createdBy: 'tsdl',
    creationDate: 5,
    private: true,
    source: 'TAG',
  }
  const it = parse((await create({ ...small, ...rest, trackers })).torrent)
  t.match(it, rest)
  t.same(it.trackers, [trackers[0], trackers[2]])
})

t.test('one tracker is written without announce-list, and no tracker without announce', async t => {
  const { torrent } = await create({ ...small, trackers: [['http://a.example/x']] })
  t.same(parse(torrent).trackers, [['http://a.example/x']])
  t.notOk(torrent.includes('announce-list'))
  t.notOk((await create(small)).torrent.includes('announce'))
})

t.test('the same input gives the same .torrent', async t => {
  t.same((await create(small)).torrent, (await create(small)).torrent)
})

t.test('a torrent may contain empty files, or only empty files', async t => {
  const none = Buffer.alloc(0)
  const it = parse((await create({ name: 'd', files: [source('a', none), source('b', none)] })).torrent)
  t.match(it, { length: 0, pieceCount: 0, files: [{ path: 'd/a' }, { path: 'd/b' }] })
})

t.test(
  'a file with more or fewer bytes than its length is rejected with a message that names it',
  async t => {
    const files = (length: number) => [source('x', content(3, 0)), source('y', content(10, 0), 4, length)]
    const refused = { name: 'InputError', code: 'ERR_METAINFO' }
    await t.rejects(create({ name: 'd', files: files(11) }), {
      ...refused,
      message: '"d/y": expected 11 bytes, got 10; the file may have changed',
    })
    await t.rejects(create({ name: 'd', files: files(9) }), {
      ...refused,
      message: /expected 9 bytes, got more/,
    })
  },
)

t.test('an error of the source is passed on unchanged', async t => {
  const broken = new Error('gone')
  const file: SourceFile = {
    path: [],
    length: 1,
    // biome-ignore lint/correctness/useYield: it fails before its first byte
    async *read() {
      throw broken
    },
  }
  await t.rejects(create({ name: 'a', files: [file] }), broken)
})

t.test('invalid options are rejected before a byte is read', async t => {
  const unread = (path: string[], length = 1): SourceFile => ({
    path,
    length,
    read: () => t.fail('read') as never,
  })
  const files = [unread([])]
  const cases: [Partial<CreateOptions>, string, RegExp][] = [
    [{ name: '' }, 'ERR_USAGE', /expected a name/],
    [{ files: [] }, 'ERR_USAGE', /at least one file/],
    [{ files: [unread([], -1)] }, 'ERR_USAGE', /got -1/],
    [{ files: [unread([], 0.5)] }, 'ERR_USAGE', /got 0.5/],
    [{ pieceLength: 0 }, 'ERR_USAGE', /got 0/],
    [{ pieceLength: 1.5 }, 'ERR_USAGE', /got 1.5/],
    [{ pieceLength: 2 ** 30 }, 'ERR_USAGE', /got 1073741824/],
    [{ pieceLength: 1, files: [unread([], 2 ** 40)] }, 'ERR_USAGE', /too small for 1099511627776 bytes/],
    [{ trackers: [['a.example']] }, 'ERR_USAGE', /tracker: "a.example" is not a valid URL/],
    [
      { webSeeds: ['ftp://a.example/'] },
      'ERR_USAGE',
      /web seed: "ftp:\/\/a.example\/" has a scheme other than http, https/,
    ],
    [{ name: '..' }, 'ERR_PATH', /info.name/],
    [{ files: [unread(['a']), unread(['b', '..'])] }, 'ERR_PATH', /info.files\[1\].path/],
    [{ files: [unread(['a']), unread([])] }, 'ERR_METAINFO', /info.files\[1\].path/],
  ]
  for (const [options, code, message] of cases) {
    await t.rejects(create({ name: 'a', files, ...options }), { code, message }, String(message))
  }
})

t.test('a name that is invalid on Windows gives a warning', async t => {
  const { warnings } = await create({ ...small, name: 'what?' })
  t.match(warnings, [/"what\?" is written as "what_"/])
})

t.test('progress is reported up to the total number of bytes', async t => {
  const seen: number[] = []
  const files = [source('a', content(10, 0), 4), source('b', content(3, 0))]
  await create({ name: 'd', files, onProgress: bytes => seen.push(bytes) })
  t.same(seen, [4, 8, 10, 13])
})

t.test('an abort takes effect after the current chunk and closes the source', async t => {
  const controller = new AbortController()
  let closed = false
  const endless: SourceFile = {
    path: [],
    length: Number.MAX_SAFE_INTEGER,
    async *read() {
      try {
        for (;;) {
          yield Buffer.alloc(10)
          controller.abort()
        }
      } finally {
        closed = true
      }
    },
  }
  const options = { name: 'a', files: [{ ...endless, length: 1000 }], signal: controller.signal }
  await t.rejects(create(options), { code: 'ERR_ABORTED' })
  t.ok(closed)
})

t.test(
  'the default piece length is a power of two from 16 KiB to 16 MiB, for 1,000 to 2,000 pieces',
  async t => {
    t.equal(defaultPieceLength(0), 16 * KiB)
    t.equal(defaultPieceLength(2000 * 16 * KiB), 16 * KiB)
    t.equal(defaultPieceLength(2000 * 16 * KiB + 1), 32 * KiB)
    t.equal(defaultPieceLength(2 ** 30), 1024 * KiB)
    t.equal(defaultPieceLength(2 ** 45), 16 * KiB * KiB)
    for (let length = 2 ** 25; length < 2 ** 34; length = Math.floor(length * 1.37)) {
      const pieces = Math.ceil(length / defaultPieceLength(length))
      t.ok(pieces >= 1000 && pieces <= 2000, `${length}: ${pieces}`)
    }
  },
)
