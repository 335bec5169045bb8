/** Invalid arguments of `Torrent` are InputErrors that name the argument. */
import t from 'tap'
import { Bitfield } from '../../src/codec/bitfield.ts'
import { InputError } from '../../src/errors.ts'
import type { ContentOptions } from '../../src/pipeline/pieces/content-options.ts'
import type { ReadOptions } from '../../src/pipeline/reading/torrent-file.ts'
import type { TorrentOptions } from '../../src/pipeline/torrent/torrent-options.ts'
import { Torrent } from '../../src/pipeline/torrent.ts'
import { makeTorrent } from '../helpers/metainfo.ts'
import { MemoryStorage } from '../helpers/simulation/memory-storage.ts'

const { metainfo } = makeTorrent({ files: [{ path: 'a', length: 100_000 }], pieceLength: 16_384 })
const other = makeTorrent({ files: [{ path: 'b', length: 100_000 }], pieceLength: 16_384 }).metainfo
const offline = { trackers: false, webSeeds: false } as const
const cyclic: unknown[] = []
cyclic.push(cyclic)

/** Values that no option accepts. */
const NEVER_VALID = [null, Symbol('s'), Object.create(null), cyclic]
const NOT_NUMBERS = [...NEVER_VALID, '1', Number.NaN, -1, true, {}]
const NOT_BOOLEANS = [...NEVER_VALID, 0, 1, 'yes', 'false', {}]
const NOT_FUNCTIONS = [...NEVER_VALID, 0, '', {}, 'x']
const NOT_OBJECTS = [...NEVER_VALID, 0, '', 'x', true, {}, () => {}]

const INVALID_VALUES: Readonly<Record<keyof TorrentOptions, readonly unknown[]>> = {
  peers: [
    ...NOT_OBJECTS,
    [null],
    ['1.2.3.4:5'],
    [{ host: '', port: 1 }],
    [{ host: 'a', port: 0 }],
    [{ host: 'a', port: 65_536 }],
  ],
  trackers: NOT_BOOLEANS,
  dht: NOT_OBJECTS,
  lsd: NOT_OBJECTS,
  pex: NOT_BOOLEANS,
  webSeeds: NOT_BOOLEANS,
  webSeedUrls: [...NOT_OBJECTS, [1], [null], 'http://a/'],
  allowLocal: NOT_BOOLEANS,
  listener: NOT_OBJECTS,
  share: NOT_BOOLEANS,
  superSeed: NOT_BOOLEANS,
  encryption: [...NEVER_VALID, '', 'on', true, 1],
  up: [...NOT_NUMBERS, 0],
  down: [...NOT_NUMBERS, 0],
  maxPeers: [...NOT_NUMBERS, 0, 1.5, Number.POSITIVE_INFINITY],
  maxPeersPerAddress: [...NOT_NUMBERS, 0, 1.5],
  memory: [...NOT_NUMBERS, 0],
  timeout: NOT_NUMBERS,
  clock: NOT_OBJECTS,
  loopLoad: NOT_OBJECTS,
  random: NOT_FUNCTIONS,
  connect: NOT_FUNCTIONS,
  http: NOT_FUNCTIONS,
  bind: [...NEVER_VALID, '', 'localhost', '1.2.3', 4],
  family: [...NEVER_VALID, 0, 5, '4', true],
  peerId: [...NEVER_VALID, '', '-TS0001-000000000000', Buffer.alloc(19), Buffer.alloc(21)],
  trackerKey: [...NOT_NUMBERS, 1.5, 2 ** 32],
  announcePacer: NOT_OBJECTS,
  blocklist: NOT_OBJECTS,
  connections: NOT_OBJECTS,
  openFiles: NOT_OBJECTS,
  uploadMemory: [7, null, {}],
  memoryBudget: NOT_OBJECTS,
  hashPool: [{}, 1],
  portableNames: NOT_BOOLEANS,
  platform: [...NEVER_VALID, '', 1, {}],
  storage: NOT_OBJECTS,
  select: NOT_FUNCTIONS,
  priority: NOT_FUNCTIONS,
  wanted: [...NOT_OBJECTS, new Uint8Array(1), new Bitfield(6), new Bitfield(8)],
  trusted: [...NOT_OBJECTS, new Uint8Array(1), new Bitfield(6), new Bitfield(8)],
  onDemand: NOT_BOOLEANS,
  sequential: NOT_BOOLEANS,
  resume: NOT_OBJECTS,
  reusable: NOT_OBJECTS,
  deferSample: NOT_BOOLEANS,
  sharedMemory: NOT_BOOLEANS,
}

/** True for an InputError of one short line that names the argument. */
function names(error: unknown, argument: string): boolean {
  if (!(error instanceof InputError) || error.code !== 'ERR_USAGE') return false
  return (
    error.message.startsWith(`${argument}: `) && error.message.length < 400 && !error.message.includes('\n')
  )
}

/** Returns the error that a call throws. */
function errorOf(call: () => unknown): unknown {
  try {
    call()
  } catch (error) {
    return error
  }
  return undefined
}

for (const [option, values] of Object.entries(INVALID_VALUES)) {
  t.test(`an invalid ${option} is an InputError that names it`, async t => {
    for (const value of values) {
      const error = errorOf(() => new Torrent(metainfo, { ...offline, [option]: value } as never))
      t.ok(names(error, option), `${error}`)
    }
    const torrent = new Torrent(metainfo, { ...offline, [option]: undefined })
    await torrent.close()
  })
}

t.test(
  'a source that is neither a Metainfo nor a Magnet, and options that are not an object, are rejected by name',
  async t => {
    for (const source of [
      ...NOT_OBJECTS,
      undefined,
      Buffer.alloc(20),
      'magnet:?xt=urn:btih:',
      { infoHash: 'x' },
    ]) {
      const error = errorOf(() => new Torrent(source as never, offline))
      t.ok(names(error, 'source'), `${error}`)
    }
    for (const options of [null, 1, 'x', () => {}]) {
      const error = errorOf(() => new Torrent(metainfo, options as never))
      t.ok(names(error, 'options'), `${error}`)
    }
  },
)

t.test('begin rejects an invalid argument by name, and can be called again', async t => {
  const torrent = new Torrent(metainfo, offline)
  const storage = new MemoryStorage(metainfo.length)
  const begin = (content: unknown, of?: unknown) =>
    errorOf(() =>
      of === undefined
        ? torrent.begin(content as ContentOptions)
        : torrent.begin(content as ContentOptions, of as never),
    )
  for (const content of [undefined, null, 1, 'x']) t.ok(names(begin(content), 'content'))
  for (const wrong of [undefined, ...NOT_OBJECTS]) t.ok(names(begin({ storage: wrong }), 'storage'))
  const options = [
    'select',
    'wanted',
    'trusted',
    'onDemand',
    'sequential',
    'resume',
    'sharedMemory',
    'deferSample',
  ] as const
  for (const option of options)
    for (const value of INVALID_VALUES[option]) t.ok(names(begin({ storage, [option]: value }), option))
  for (const of of [null, {}, 'x', other]) t.ok(names(begin({ storage }, of), 'metainfo'))
  t.equal(begin({ storage }), undefined)
  t.ok(names(begin({ storage }), 'begin'), 'a second storage')
  await torrent.close()
  const closed = new Torrent(metainfo, offline)
  await closed.close()
  t.ok(
    names(
      errorOf(() => closed.begin({ storage })),
      'begin',
    ),
    'a closed torrent',
  )
})

t.test('takeMetainfo rejects what is not a Metainfo by name', async t => {
  const torrent = new Torrent(metainfo, offline)
  for (const value of [undefined, ...NOT_OBJECTS])
    t.ok(
      names(
        errorOf(() => torrent.takeMetainfo(value as never)),
        'metainfo',
      ),
    )
  t.throws(() => torrent.takeMetainfo(other), { code: 'ERR_METAINFO' })
  await torrent.close()
})

t.test('ranges, files and pieces that do not exist are rejected by name', async t => {
  const torrent = new Torrent(metainfo, { ...offline, storage: new MemoryStorage(metainfo.length) })
  const { length, pieceCount } = metainfo
  const bad = [null, '0', -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, length + 1]
  for (const end of [undefined, ...bad])
    t.ok(
      names(
        errorOf(() => torrent.open(0, end as never)),
        'end',
      ),
    )
  for (const start of [undefined, ...bad])
    t.ok(
      names(
        errorOf(() => torrent.open(start as never, length)),
        'start',
      ),
    )
  t.ok(
    names(
      errorOf(() => torrent.open(2, 1)),
      'start',
    ),
  )
  for (const index of [undefined, null, '0', -1, 1.5, Number.NaN, pieceCount]) {
    const error = await torrent.whenVerified(index as never).catch(error => error)
    t.ok(names(error, 'index'), `${error}`)
  }
  const [file] = torrent.files
  const stream = (options: unknown) => errorOf(() => file!.stream(options as ReadOptions))
  for (const options of [null, 1, 'x']) t.ok(names(stream(options), 'options'))
  for (const start of [null, '0', {}]) t.ok(names(stream({ start }), 'start'))
  for (const end of [null, '0', {}]) t.ok(names(stream({ end }), 'end'))
  for (const lend of NOT_BOOLEANS) t.ok(names(stream({ lend }), 'lend'))
  for (const signal of NOT_OBJECTS) t.ok(names(stream({ signal }), 'signal'))
  for (const range of [
    { start: -1 },
    { start: 1.5 },
    { start: Number.NaN },
    { end: 0.5 },
    { end: -1 },
    { start: length + 1 },
  ])
    t.match(stream(range), { code: 'ERR_USAGE', message: /^no bytes / })
  await torrent.close()
})
