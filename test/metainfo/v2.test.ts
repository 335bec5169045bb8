import { createHash } from 'node:crypto'
import t from 'tap'
import { Layout } from '../../src/metainfo/layout.ts'
import { MAX_TORRENT_SIZE, openInfo, openMetainfo, parse } from '../../src/metainfo/parse.ts'
import { torrentOf } from '../../src/metainfo/torrent.ts'
import { noise } from '../helpers/metainfo.ts'
import {
  bencode,
  dict,
  HYBRID_PIECE_LENGTH,
  hybridFiles,
  hybridInfo,
  leafEntry,
  pieceLayer,
  rootOf,
  sha256,
  type V2Parts,
  type Value,
  v2Torrent,
} from '../helpers/v2-torrent.ts'

const KiB = 1024
const PIECE_LENGTH = HYBRID_PIECE_LENGTH
const files = hybridFiles
const { a, b, c } = files
const refused = { name: 'InputError', code: 'ERR_METAINFO' }
const sha1 = (bytes: Uint8Array) => createHash('sha1').update(bytes).digest()

t.test('a v2 torrent is parsed: each file begins with a piece', async t => {
  const torrent = v2Torrent(files, PIECE_LENGTH)
  const it = parse(torrent)
  t.match(it, {
    format: 'v2',
    name: 'd',
    multiFile: true,
    pieceLength: PIECE_LENGTH,
    pieceCount: 6,
    warnings: [],
  })
  t.equal(it.length, 6 * PIECE_LENGTH)
  t.same(
    it.files.map(file => [file.path, file.length, file.offset, file.pad]),
    [
      ['d/a', 10, 0, false],
      [`d/.pad/${PIECE_LENGTH - 10}`, PIECE_LENGTH - 10, 10, true],
      ['d/b', 3 * PIECE_LENGTH + 100, PIECE_LENGTH, false],
      [`d/.pad/${PIECE_LENGTH - 100}`, PIECE_LENGTH - 100, 4 * PIECE_LENGTH + 100, true],
      ['d/c', PIECE_LENGTH, 5 * PIECE_LENGTH, false],
      ['d/empty', 0, 6 * PIECE_LENGTH, false],
    ],
  )
  const { info } = it
  t.same(it.infoHashV2, sha256(info))
  t.same(it.infoHash, sha256(info).subarray(0, 20))
  t.equal(it.hashes.length, 0)
  t.same(it.files[2]!.piecesRoot, rootOf(b))
  t.same(it.pieceNodes, Buffer.concat([rootOf(a), pieceLayer(b, PIECE_LENGTH)!, rootOf(c)]))
  t.same(await openMetainfo(torrent), it)
  t.same(parse(torrentOf(it)), it, 'it is written with its layers')
  const layout = new Layout(it)
  t.same(layout.piecesOf(2), { first: 1, last: 4 })
})

t.test('a torrent of one file has the name of the file', async t => {
  t.match(parse(v2Torrent({ 'x.bin': b }, PIECE_LENGTH)), {
    ...{ name: 'x.bin', multiFile: false, pieceCount: 4, length: b.length },
    files: [{ path: 'x.bin', length: b.length, offset: 0 }],
  })
})

t.test('directories of the tree become directories below the name', async t => {
  const tree = dict({
    sub: dict({ 'x.bin': leafEntry(a), y: dict({ z: leafEntry(c) }) }),
    top: leafEntry(a),
    none: dict({}),
  })
  const it = parse(
    v2Torrent(files, PIECE_LENGTH, { info: { 'file tree': tree }, top: { 'piece layers': undefined } }),
  )
  t.same(
    it.files.filter(({ pad }) => !pad).map(({ path }) => path),
    ['d/sub/x.bin', 'd/sub/y/z', 'd/top'],
  )
  t.same(it.pieceNodes, Buffer.concat([rootOf(a), rootOf(c), rootOf(a)]), 'equal files have equal roots')
})

t.test(
  'layers are read for one block, one piece, 513 pieces, and equal files that share a layer',
  async t => {
    const long = noise(513 * 16 * KiB, 4)
    const twice = { block: noise(16 * KiB, 5), long, same: long }
    const it = parse(v2Torrent(twice, 16 * KiB))
    const layer = pieceLayer(long, 16 * KiB)!
    t.same(it.pieceNodes, Buffer.concat([rootOf(twice.block), layer, layer]))
  },
)

t.test(
  'without piece layers a torrent is parsed, and has the nodes only if no file needs a layer',
  async t => {
    const without: V2Parts = { top: { 'piece layers': undefined } }
    t.equal(parse(v2Torrent(files, PIECE_LENGTH, without)).pieceNodes, undefined)
    t.same(
      parse(v2Torrent({ a, c }, PIECE_LENGTH, without)).pieceNodes,
      Buffer.concat([rootOf(a), rootOf(c)]),
    )
    const { info } = parse(v2Torrent(files, PIECE_LENGTH))
    t.match(await openInfo(info), { format: 'v2', pieceNodes: undefined })
  },
)

t.test('attributes and symlinks (BEP 47) are read, and paths are made safe', async t => {
  const tree = dict({
    'a\u0001': leafEntry(a, { attr: 'xh' }),
    link: new Map([['', dict({ attr: 'l', 'symlink path': ['sub', 'x'] })]]),
  })
  const it = parse(
    v2Torrent(files, PIECE_LENGTH, { info: { 'file tree': tree }, top: { 'piece layers': undefined } }),
  )
  t.match(it.files, [
    { path: 'd/a_', executable: true, hidden: true, spelled: [Buffer.from('a\u0001')] },
    { path: 'd/link', length: 0, symlink: 'd/sub/x' },
  ])
  t.match(it.warnings, [/written as "a_"/])
})

t.test('names that a file system treats as equal get numbers', async t => {
  const it = parse(v2Torrent({ A: a, a: c }, PIECE_LENGTH))
  t.same(
    it.files.filter(({ pad }) => !pad).map(({ path }) => path),
    ['d/A', 'd/a (1)'],
  )
})

t.test('an invalid v2 torrent is rejected, with the reason', async t => {
  const info = (replaced: V2Parts['info']) => v2Torrent(files, PIECE_LENGTH, { info: replaced! })
  const tree = (entries: Map<string, Value>) => info({ 'file tree': entries })
  const one = (properties: { readonly [key: string]: Value | undefined }) =>
    tree(dict({ f: new Map([['', dict(properties)]]) }))
  const layers = (value: Value) => v2Torrent(files, PIECE_LENGTH, { top: { 'piece layers': value } })
  const root = rootOf(b).toString('latin1')
  const deep = (depth: number): Value =>
    depth === 0 ? leafEntry(a) : new Map<string, Value>([['x', deep(depth - 1)]])
  const cases: [what: string, torrent: Buffer, message: RegExp, code?: string][] = [
    ['a newer version', info({ 'meta version': 3 }), /info.meta version: expected at most 2.*, got 3/],
    [
      'no version',
      info({ 'meta version': undefined }),
      /info.length: expected a length of 0 or more, got nothing/,
    ],
    [
      'a newer version that differs otherwise, too',
      info({ 'meta version': 3, 'file tree': 1, 'piece length': 5 }),
      /info.meta version: expected at most 2.*, got 3/,
    ],
    ['no tree', info({ 'file tree': undefined }), /info.file tree: expected a dictionary, got nothing/],
    ['a list as the tree', info({ 'file tree': ['a'] }), /info.file tree: expected a dictionary/],
    ['an empty tree', tree(dict({})), /info.file tree: expected at least one file, got none/],
    ['a tree of empty directories', tree(dict({ d: dict({}) })), /at least one file/],
    ['a root that is a file', info({ 'file tree': leafEntry(a) }), /expected a directory, got a file/],
    [
      'unsorted names',
      tree(
        new Map([
          ['b', leafEntry(b)],
          ['a', leafEntry(a)],
        ]),
      ),
      /sorted names, got "a" after "b"/,
    ],
    [
      'a file beside a name',
      tree(
        dict({
          f: new Map([
            ['', dict({ length: 0 })],
            ['x', leafEntry(a)],
          ]),
        }),
      ),
      /a file or a directory, got both at "f"/,
    ],
    [
      'a name beside a file',
      tree(
        dict({
          f: new Map([
            ['x', leafEntry(a)],
            ['', dict({ length: 0 })],
          ]),
        }),
      ),
      /a file or a directory, got both at "f"/,
    ],
    ['a number in the tree', tree(dict({ f: 1 })), /expected dictionaries, got another value at "f"/],
    [
      'properties that are text',
      tree(dict({ f: new Map([['', 'x']]) })),
      /expected properties, got "x" at "f"/,
    ],
    ['129 names in a path', tree(dict({ x: deep(128) })), /at most 128 names in a path/],
    ['300 levels', tree(dict({ x: deep(300) })), /nested deeper/, 'ERR_BENCODE'],
    [
      'no length',
      one({ 'pieces root': rootOf(a) }),
      /file tree\["f"\].length: expected a length of 0 or more, got nothing/,
    ],
    ['a negative length', one({ length: -1 }), /length of 0 or more, got -1/],
    ['no root', one({ length: 5 }), /pieces root: expected a string, got nothing/],
    [
      'a short root',
      one({ length: 5, 'pieces root': Buffer.alloc(31, 1) }),
      /pieces root: expected 32 bytes/,
    ],
    ['a long root', one({ length: 5, 'pieces root': Buffer.alloc(33, 1) }), /pieces root: expected 32 bytes/],
    [
      'a zero root',
      one({ length: 5, 'pieces root': Buffer.alloc(32) }),
      /pieces root: expected a hash, got zeros/,
    ],
    [
      'a root that is a number',
      one({ length: 5, 'pieces root': 5 }),
      /pieces root: expected a string, got 5/,
    ],
    ['an empty root', one({ length: 5, 'pieces root': '' }), /pieces root: expected 32 bytes/],
    ['a length that is text', one({ length: '5', 'pieces root': rootOf(a) }), /length of 0 or more, got "5"/],
    [
      'a length above 2^53',
      one({ length: 2 ** 60, 'pieces root': rootOf(a) }),
      /2\^53|integer/,
      'ERR_BENCODE',
    ],
    [
      'lengths of more than 2^53 in sum',
      tree(
        dict(
          Object.fromEntries(
            Array.from({ length: 3 }, (_, at) => [
              `${at}`,
              new Map([['', dict({ length: 2 ** 52, 'pieces root': rootOf(a) })]]),
            ]),
          ),
        ),
      ),
      /less than 2\^53 bytes in total|at most 5000000 pieces/,
    ],
    [
      'a symlink with a length',
      one({ attr: 'l', length: 5, 'symlink path': ['x'] }),
      /length of 0, this being a symlink/,
    ],
    [
      'a symlink out of the torrent',
      one({ attr: 'l', 'symlink path': ['..', 'x'] }),
      /leaves the output directory/,
      'ERR_PATH',
    ],
    [
      'a path out of the torrent',
      tree(dict({ '..': dict({ x: leafEntry(a) }) })),
      /leaves the output directory/,
      'ERR_PATH',
    ],
    ['a file named ..', tree(dict({ '..': leafEntry(a) })), /leaves the output directory/, 'ERR_PATH'],
    ['a large piece', info({ 'piece length': 2 ** 30 }), /piece length: expected at most/],
    [
      'a piece that is no power of two',
      info({ 'piece length': 3 * 16 * KiB }),
      /power of two of at least 16384, got 49152/,
    ],
    ['a piece of 8 KiB', info({ 'piece length': 8 * KiB }), /power of two of at least 16384, got 8192/],
    [
      'too many pieces',
      one({ length: 2 ** 52, 'pieces root': rootOf(a) }),
      /at most 5000000 pieces, got 137438953472/,
    ],
    ['layers that are a list', layers([]), /piece layers: expected a dictionary/],
    ['a key of 31 bytes', layers(dict({ ['x'.repeat(31)]: 'x' })), /keys of 32 bytes, got one of 31/],
    ['a layer that is a number', layers(dict({ [root]: 1 })), /expected a string/],
    [
      'a layer of too few hashes',
      layers(dict({ [root]: pieceLayer(b, PIECE_LENGTH)!.subarray(32) })),
      /"d\/b": expected 4 hashes of 32 bytes, got 96 bytes/,
    ],
    [
      'a layer of another file',
      layers(dict({ [root]: pieceLayer(noise(b.length, 9), PIECE_LENGTH)! })),
      /"d\/b": the hashes do not match the pieces root/,
    ],
    [
      'a hash of zeros in a layer',
      v2Torrent({}, PIECE_LENGTH, {
        info: {
          'file tree': dict({
            f: new Map([
              ['', dict({ length: 2 * PIECE_LENGTH, 'pieces root': sha256(rootOf(c), Buffer.alloc(32)) })],
            ]),
          }),
        },
        top: {
          'piece layers': dict({
            [sha256(rootOf(c), Buffer.alloc(32)).toString('latin1')]: Buffer.concat([
              rootOf(c),
              Buffer.alloc(32),
            ]),
          }),
        },
      }),
      /"f": expected hashes, got zeros for piece 1/,
    ],
    [
      'a layer that is no multiple of 32 bytes',
      layers(dict({ [root]: Buffer.concat([pieceLayer(b, PIECE_LENGTH)!, Buffer.alloc(1)]) })),
      /"d\/b": expected 4 hashes of 32 bytes, got 129 bytes/,
    ],
    [
      'a layer with the padding of its tree',
      layers(dict({ [root]: Buffer.concat([pieceLayer(b, PIECE_LENGTH)!, Buffer.alloc(128)]) })),
      /"d\/b": expected 4 hashes of 32 bytes, got 256 bytes/,
    ],
    [
      'one root for two files of different lengths',
      v2Torrent({}, PIECE_LENGTH, {
        info: {
          'file tree': dict({
            f: leafEntry(b),
            g: new Map([['', dict({ length: b.length + PIECE_LENGTH, 'pieces root': rootOf(b) })]]),
          }),
        },
        top: { 'piece layers': dict({ [root]: pieceLayer(b, PIECE_LENGTH)! }) },
      }),
      /"d\/g": expected 5 hashes of 32 bytes, got 128 bytes/,
    ],
    [
      'a layer of another level',
      layers(dict({ [root]: pieceLayer(b, 2 * PIECE_LENGTH)! })),
      /expected 4 hashes/,
    ],
    [
      'a layer of no file',
      layers(dict({ [root]: pieceLayer(b, PIECE_LENGTH)!, ['x'.repeat(32)]: Buffer.alloc(64) })),
      /7878.* is not the pieces root of a file/,
    ],
    [
      'a layer of a file of one piece',
      layers(dict({ [root]: pieceLayer(b, PIECE_LENGTH)!, [rootOf(c).toString('latin1')]: rootOf(c) })),
      /is not the pieces root of a file/,
    ],
  ]
  for (const [what, torrent, message, code = 'ERR_METAINFO'] of cases) {
    t.throws(() => parse(torrent), { ...refused, code, message }, what)
    await t.rejects(openMetainfo(torrent), { ...refused, code, message }, what)
  }
})

t.test('a torrent with 513 pieces, which is no power of two, and one with equal files are read', async t => {
  const large = noise(513 * 16 * KiB - 5, 4)
  const it = parse(v2Torrent({ large }, 16 * KiB))
  t.match(it, { pieceCount: 513, warnings: [] })
  t.same(it.pieceNodes, pieceLayer(large, 16 * KiB))
  const equal = parse(v2Torrent({ a: b, b, c: a, d: a }, PIECE_LENGTH))
  t.same(
    equal.pieceNodes,
    Buffer.concat([pieceLayer(b, PIECE_LENGTH)!, pieceLayer(b, PIECE_LENGTH)!, rootOf(a), rootOf(a)]),
  )
})

t.test('a layer that is repeated is rejected', async t => {
  const root = bencode(rootOf(b))
  const layer = bencode(pieceLayer(b, PIECE_LENGTH)!)
  const { info } = parse(v2Torrent(files, PIECE_LENGTH))
  const torrent = Buffer.concat(
    ['d4:info', info, '12:piece layersd', root, layer, root, layer, 'ee'].map(part =>
      Buffer.from(part as Buffer),
    ),
  )
  t.throws(() => parse(torrent), { ...refused, message: /is repeated/ })
})

t.test('many files with one long directory are rejected before their paths fill the memory', async t => {
  const directory = 'x'.repeat(250)
  const inner = dict(
    Object.fromEntries(
      Array.from({ length: 20_000 }, (_, at) => [`${at}`, new Map([['', dict({ length: 0 })]])]),
    ),
  )
  const below = (depth: number): Value => (depth === 0 ? inner : dict({ [directory]: below(depth - 1) }))
  const torrent = v2Torrent(files, PIECE_LENGTH, {
    info: { 'file tree': below(12) as Map<string, Value> },
    top: { 'piece layers': undefined },
  })
  t.ok(torrent.length < MAX_TORRENT_SIZE)
  t.throws(() => parse(torrent), { ...refused, message: /at most \d+ bytes of paths/ })
})

t.test('a hybrid torrent has both info-hashes, and the same layout in both formats', async t => {
  const it = parse(v2Torrent(files, PIECE_LENGTH, { info: hybridInfo }))
  t.match(it, { format: 'hybrid', warnings: [], pieceCount: 6 })
  t.same([it.infoHash, it.infoHashV2], [sha1(it.info), sha256(it.info)])
  const { pieceNodes, ...v2 } = parse(v2Torrent(files, PIECE_LENGTH))
  t.same(it.pieceNodes, pieceNodes)
  t.same(it.files, v2.files)
  t.equal(it.hashes.length, 120)
  t.same(parse(torrentOf(it)), it)
})

t.test('a hybrid torrent may end with padding', async t => {
  const { pieces, files: list } = hybridInfo
  const partialFiles = { b: files.b }
  const info = (pad: boolean) => ({
    pieces: Buffer.concat([
      pieces.subarray(20, 80),
      sha1(
        pad
          ? Buffer.concat([b.subarray(3 * PIECE_LENGTH), Buffer.alloc(PIECE_LENGTH - 100)])
          : b.subarray(3 * PIECE_LENGTH),
      ),
    ]),
    files: pad ? list.slice(2, 4) : list.slice(2, 3),
  })
  for (const pad of [true, false]) {
    t.match(
      parse(v2Torrent(partialFiles, PIECE_LENGTH, { info: info(pad) })),
      { format: 'hybrid', warnings: [] },
      `${pad}`,
    )
  }
})

t.test('an inconsistent hybrid torrent is used as v1, with the reason', async t => {
  const { files: list, pieces } = hybridInfo
  const replaced = (at: number, file: { readonly [key: string]: Value }) => ({
    ...hybridInfo,
    files: list.with(at, dict(file)),
  })
  const cases: [what: string, torrent: Buffer, message: RegExp][] = [
    [
      'another name',
      v2Torrent(files, PIECE_LENGTH, { info: replaced(0, { length: 10, path: ['A'] }) }),
      /"A" is "a" in the tree; the torrent is used as v1/,
    ],
    [
      'another length',
      v2Torrent(files, PIECE_LENGTH, {
        info: {
          ...replaced(0, { length: 11, path: ['a'] }),
          files: list
            .with(0, dict({ length: 11, path: ['a'] }))
            .with(1, dict({ attr: 'p', length: PIECE_LENGTH - 11, path: ['x'] })),
        },
      }),
      /"a" has 11 bytes, and 10 in the tree/,
    ],
    [
      'no padding',
      v2Torrent({ a, c }, PIECE_LENGTH, {
        info: { pieces: pieces.subarray(0, 40), files: [list[0]!, list[4]!] },
      }),
      /"c" does not begin with piece 1/,
    ],
    [
      'a missing file',
      v2Torrent(files, PIECE_LENGTH, { info: { ...hybridInfo, files: list.slice(0, 5) } }),
      /"empty" is in the tree only/,
    ],
    [
      'another file',
      v2Torrent(files, PIECE_LENGTH, {
        info: { ...hybridInfo, files: [...list, dict({ length: 0, path: ['more'] })] },
      }),
      /"more" is missing in the tree/,
    ],
    [
      'a zero root',
      v2Torrent(files, PIECE_LENGTH, {
        info: {
          ...hybridInfo,
          'file tree': dict({ a: new Map([['', dict({ length: 5, 'pieces root': Buffer.alloc(32) })]]) }),
        },
      }),
      /expected a hash, got zeros/,
    ],
    [
      'wrong layers',
      v2Torrent(files, PIECE_LENGTH, {
        info: hybridInfo,
        top: { 'piece layers': dict({ ['x'.repeat(32)]: 'x' }) },
      }),
      /is not the pieces root/,
    ],
    [
      'padding of a whole piece',
      v2Torrent({ a }, PIECE_LENGTH, {
        info: {
          pieces: pieces.subarray(0, 40),
          files: [list[0]!, dict({ attr: 'p', length: 2 * PIECE_LENGTH - 10, path: ['x'] })],
        },
      }),
      /padding of whole pieces/,
    ],
  ]
  for (const [what, torrent, message] of cases) {
    const it = parse(torrent)
    t.match(it, { format: 'v1', infoHashV2: undefined, pieceNodes: undefined }, what)
    t.match(it.warnings.at(-1), message, what)
    t.ok(
      it.files.every(({ piecesRoot }) => piecesRoot === undefined),
      what,
    )
  }
})

t.test('a hybrid torrent of a newer version is used as v1', async t => {
  t.match(parse(v2Torrent(files, PIECE_LENGTH, { info: { ...hybridInfo, 'meta version': 3 } })), {
    format: 'v1',
  })
})

t.test('a torrent with a list of files, but without pieces, is v2', async t => {
  t.match(parse(v2Torrent(files, PIECE_LENGTH, { info: { files: hybridInfo.files } })), { format: 'v2' })
})
