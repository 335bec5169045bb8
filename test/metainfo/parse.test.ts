import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import t from 'tap'
import { type Encodable, encode } from '../../src/codec/bencode.ts'
import { MAX_TORRENT_SIZE, parse, parseInfo } from '../../src/metainfo/parse.ts'
import { inProject } from '../helpers/project.ts'

type Dict = { readonly [key: string]: Encodable | undefined }

const fixture = (name: string) => readFileSync(inProject(`fixtures/${name}`))
const valid = { name: 'a', length: 5, 'piece length': 4, pieces: Buffer.alloc(40, 1) }
const torrent = (info: Dict = {}, top: Dict = {}) => encode({ info: { ...valid, ...info }, ...top })
const empty = (length = 0) => ({ length, path: ['f'] })
const files = (...list: Dict[]) => ({ length: undefined, files: list })
const refused = { name: 'InputError', code: 'ERR_METAINFO' }

t.test('a single-file torrent of another client is parsed', async t => {
  const { hashes, ...rest } = parse(fixture('transmission-single.torrent'))
  t.equal(hashes.length, 80)
  t.equal(rest.infoHash.toString('hex'), '17ef926d3d7c55602de655605bd0476e2abec1a5')
  t.match(rest, {
    name: 'single.bin',
    length: 100_000,
    pieceLength: 32_768,
    pieceCount: 4,
    multiFile: false,
    private: false,
    files: [{ path: 'single.bin', length: 100_000, offset: 0, pad: false, executable: false, hidden: false }],
    trackers: [['http://127.0.0.1:6969/announce']],
    webSeeds: [],
    comment: 'made by transmission',
    createdBy: 'Transmission/3.00 (bb6b5a062e)',
    warnings: [],
  })
})

t.test('the files of a multi-file torrent are below its name and consecutive', async t => {
  const it = parse(fixture('transmission-multi.torrent'))
  t.equal(it.infoHash.toString('hex'), '00f5d5aaf6694d157f93bb811a1e50297be4ca30')
  t.same(
    it.files.map(file => [file.path, file.length, file.offset]),
    [
      ['multi/a.txt', 10, 0],
      ['multi/sub/b.bin', 70_000, 10],
      ['multi/sub/déjà/c', 1, 70_010],
    ],
  )
  t.same(it.trackers, [['udp://127.0.0.1:6969'], ['http://127.0.0.1:6969/announce']])
  t.equal(it.multiFile, true)
  t.equal(it.private, true)
})

t.test('the info-hash covers the raw bytes, including unsorted and unknown keys', async t => {
  const info = `d4:spam4:eggs6:pieces20:${'x'.repeat(20)}6:lengthi1e4:name1:a12:piece lengthi1ee`
  const it = parse(Buffer.from(`d4:info${info}e`))
  t.equal(it.infoHash.toString('hex'), createHash('sha1').update(info).digest('hex'))
})

t.test(
  'the first value of a repeated key is used, but info must not be repeated or contain repeated keys',
  async t => {
    const inside = encode(valid)
    const spelled = (...parts: (string | Buffer)[]) =>
      Buffer.concat(parts.map(part => Buffer.from(part as Buffer)))
    const info = spelled('4:info', inside)
    const a = '8:announce9:http://a/'
    const b = '8:announce9:http://b/'
    const it = parse(spelled('d', a, b, info, b, 'e'))
    t.same(it.trackers, [['http://a/']])
    t.same(it.info, inside)
    const nested = '7:unknownd1:ai1e1:ai2ee'
    t.same(parse(spelled('d', info, nested, 'e')).infoHash, it.infoHash)
    const twice = { name: 'InputError', code: 'ERR_BENCODE', message: /repeated key ".*" at byte \d+$/ }
    t.throws(() => parse(spelled('d', info, info, 'e')), twice)
    t.throws(() => parse(spelled('d4:info', inside.subarray(0, -1), '7:privatei0e7:privatei1ee', 'e')), twice)
    const marked = spelled('7:\ufeffinfo', encode({ ...valid, name: 'other' }))
    for (const torrent of [spelled('d', marked, info, 'e'), spelled('d', info, marked, 'e')])
      t.match(
        parse(torrent),
        { name: 'a', infoHash: it.infoHash },
        'the name is of the bytes that are hashed',
      )
  },
)

t.test('bytes after the dictionary are ignored', async t => {
  const { infoHash } = parse(torrent())
  for (const end of ['\n', '\r\n', 'e', 'd4:infodee', '\0'.repeat(100)])
    t.same(parse(Buffer.concat([torrent(), Buffer.from(end)])).infoHash, infoHash, JSON.stringify(end))
})

t.test('an info dictionary alone is parsed, and bytes after it are rejected', async t => {
  const info = encode(valid)
  t.same(parseInfo(info).infoHash, createHash('sha1').update(info).digest())
  t.throws(() => parseInfo(Buffer.concat([info, Buffer.from('8:announce0:')])), { code: 'ERR_BENCODE' })
})

t.test(
  'irregular torrents that other clients accept are accepted: trailing bytes, a repeated key, a raw space',
  async t => {
    const plain = '5c1362f1117463ea7b99274704922d5855842d9c'
    const read = (name: string) => {
      const { infoHash, trackers, warnings, webSeeds } = parse(fixture(`${name}.torrent`))
      return { infoHash: infoHash.toString('hex'), trackers, warnings, webSeeds }
    }
    const it = { infoHash: plain, trackers: [] as string[][], warnings: [], webSeeds: [] as string[] }
    t.strictSame(read('trailing-newline'), it)
    t.strictSame(read('key-twice-outside-info'), { ...it, trackers: [['http://a/']] })
    t.strictSame(read('space-in-url-list'), { ...it, webSeeds: ['http://127.0.0.1:1/a%20file.bin'] })
  },
)

t.test('irregular names that other clients accept are accepted and made valid for the platform', async t => {
  const names = (name: string, portable: boolean) => {
    const it = parse(fixture(`${name}.torrent`), portable ? { platform: 'win32' } : { platform: 'linux' })
    t.same(
      it,
      parse(fixture(`${name}.torrent`), { platform: portable ? 'darwin' : 'linux', portableNames: portable }),
    )
    return it.files.map(({ path }) => path)
  }
  const cases: [file: string, onLinux: string[], onWindows: string[]][] = [
    [
      'slash-in-torrent-name',
      ['Release R1_beta6 (x86_64)/image.iso'],
      ['Release R1_beta6 (x86_64)/image.iso'],
    ],
    ['slash-in-file-name', ['x/Side A_B.mp3', 'x/ok'], ['x/Side A_B.mp3', 'x/ok']],
    ['backslash-in-file-name', ['x/AC\\DC.mp3', 'x/ok'], ['x/AC_DC.mp3', 'x/ok']],
    [
      'windows-only-names',
      ['a:b?.txt', '<x>|y*', 'dot.', 'CON'].map(name => `What? A: "Film"/${name}`),
      ['a_b_.txt', '_x__y_', 'dot', '_CON'].map(name => `What_ A_ _Film_/${name}`),
    ],
  ]
  for (const [file, onLinux, onWindows] of cases) {
    t.strictSame(names(file, false), onLinux)
    t.strictSame(names(file, true), onWindows)
  }
})

t.test('a file that is not a torrent is rejected with that message', async t => {
  t.throws(() => parse(Buffer.from('<html><body>')), {
    ...refused,
    message: 'not a torrent: expected a bencoded dictionary, got "<htm"',
  })
  t.throws(() => parse(Buffer.alloc(0)), { ...refused, message: 'not a torrent: it is empty' })
  t.throws(() => parse(Buffer.alloc(MAX_TORRENT_SIZE + 10, 'd')), {
    ...refused,
    message: /the limit is 104857600/,
  })
  t.throws(() => parse(torrent().subarray(0, 50)), { code: 'ERR_BENCODE', message: /cut short/ })
  t.throws(() => parse(Buffer.from('d1:ai1ee')), {
    ...refused,
    message: 'info: expected a dictionary, got nothing',
  })
  const marked = Buffer.concat([Buffer.from('d7:\ufeffinfo'), encode(valid), Buffer.from('e')])
  t.throws(() => parse(marked), { ...refused, message: /^info: / }, 'a key that only resembles info')
})

t.test('the error for an invalid field names the field and its value', async t => {
  const cases: [Dict, string | RegExp][] = [
    [{ 'piece length': -1 }, 'info.piece length: expected a positive integer, got -1'],
    [{ 'piece length': 0 }, 'info.piece length: expected a positive integer, got 0'],
    [{ 'piece length': 'big' }, 'info.piece length: expected a positive integer, got "big"'],
    [{ 'piece length': undefined }, 'info.piece length: expected a positive integer, got nothing'],
    [{ 'piece length': 2 ** 30 }, 'info.piece length: expected at most 536870912, got 1073741824'],
    [{ name: undefined }, 'info.name: expected a string, got nothing'],
    [{ name: 7 }, 'info.name: expected a string, got 7'],
    [{ length: -5 }, 'info.length: expected a length of 0 or more, got -5'],
    [{ length: undefined }, 'info.length: expected a length of 0 or more, got nothing'],
    [{ length: [] }, 'info.length: expected a length of 0 or more, got an empty list'],
    [{ pieces: undefined }, 'info.pieces: expected a string, got nothing'],
    [{ pieces: ['x'] }, 'info.pieces: expected a string, got a list of 1'],
    [
      { pieces: Buffer.alloc(41) },
      /^info.pieces: expected 2 hashes of 20 bytes for 5 bytes .* got 41 bytes$/,
    ],
    [{ pieces: Buffer.alloc(20) }, /^info.pieces: expected 2 hashes .* got 20 bytes$/],
    [{ pieces: Buffer.alloc(60) }, /^info.pieces: expected 2 hashes .* got 60 bytes$/],
    [files(), 'info.files: expected at least one file, got an empty list'],
    [{ files: 'x' }, 'info.files: expected a list, got "x"'],
    [{ files: [empty(), 3] }, 'info.files: expected dictionaries, got 3 at 1 in it, got a list of 2'],
    [files(empty(), { path: ['a'] }), 'info.files[1].length: expected a length of 0 or more, got nothing'],
    [files({ length: 1 }), 'info.files[0].path: expected a list, got nothing'],
    [files({ length: 1, path: [] }), 'info.files[0].path: expected a list of names, got an empty list'],
    [files({ length: 1, path: ['a', 1] }), 'info.files[0].path: expected a list of names, got a list of 2'],
    [files(empty(2 ** 53 - 1), empty(1)), /^info.files: expected less than 2\^53 bytes in total/],
    [{ pieces: undefined, 'meta version': 2 }, /piece length: expected a power of two of at least 16384/],
  ]
  for (const [info, message] of cases)
    t.throws(() => parse(torrent(info)), { ...refused, message }, String(message))
})

t.test('a length over 2^53 is rejected', async t => {
  const huge = torrent().toString('latin1').replace('lengthi5e', 'lengthi9007199254740993e')
  t.throws(() => parse(Buffer.from(huge, 'latin1')), { code: 'ERR_BENCODE', message: /beyond 2\^53/ })
})

t.test('an unsafe path is rejected with a message that names the file', async t => {
  const up = torrent(files(empty(5), { length: 0, path: ['..', 'x'] }))
  t.throws(() => parse(up), { code: 'ERR_PATH', message: /^info.files\[1\].path: unsafe path "\.\.\/x"/ })
  const absolute = torrent(files({ length: 5, path: ['', 'etc'] }))
  t.throws(() => parse(absolute), { code: 'ERR_PATH', message: /it is absolute/ })
  t.throws(() => parse(torrent(files({ length: 5, path: ['.'] }))), {
    code: 'ERR_PATH',
    message: /it is empty/,
  })
  t.throws(() => parse(torrent({ name: '..' })), { code: 'ERR_PATH', message: /^info.name: / })
  t.equal(parse(torrent({ name: '/etc/passwd' })).files[0]?.path, '_etc_passwd')
  t.equal(parse(torrent({ name: '../../b', ...files(empty(5)) })).files[0]?.path, '.._.._b/f')
})

t.test('empty files need no pieces', async t => {
  t.match(parse(torrent({ length: 0, pieces: '' })), { length: 0, pieceCount: 0 })
  t.same(
    parse(torrent({ ...files(empty(), empty()), pieces: '' })).files.map(({ path }) => path),
    ['a/f', 'a/f (1)'],
  )
})

t.test('a directory of one file is still a directory', async t => {
  t.match(parse(torrent(files(empty(5)))), { multiFile: true, files: [{ path: 'a/f' }] })
})

t.test('the info-hash replaces an empty name', async t => {
  const it = parse(torrent({ name: '' }))
  t.equal(it.name, it.infoHash.toString('hex'))
  t.equal(it.files[0]?.path, it.name)
  t.equal(it.warnings.length, 1)
})

t.test('name.utf-8 and path.utf-8 are preferred to name and path', async t => {
  const latin = Buffer.from('d\xe9j\xe0', 'latin1')
  const it = parse(
    torrent({
      name: latin,
      'name.utf-8': 'déjà',
      ...files({ length: 5, path: [latin], 'path.utf-8': ['à'] }),
    }),
  )
  t.equal(it.files[0]?.path, 'déjà/à')
  t.same(it.warnings, [])
})

t.test('a hybrid torrent is read as v1', async t => {
  const tree = { a: { '': { length: 5, 'pieces root': Buffer.alloc(32, 0xff) } } }
  const it = parse(torrent({ 'meta version': 2, 'file tree': tree }, { 'piece layers': {} }))
  t.match(it, { pieceCount: 2, files: [{ path: 'a' }] })
})

t.test('the attributes of BEP 47 are parsed: padding, executable, hidden, symlink', async t => {
  const it = parse(
    torrent(
      files(
        { length: 1, path: ['run'], attr: 'xh?' },
        { length: 3, path: ['.pad', '3'], attr: 'p' },
        { length: 0, path: ['.pad', '3'], attr: 'p' },
        { length: 0, attr: 'p' },
        { length: 1, path: ['b'], md5sum: 'm' },
        { path: ['link'], attr: 'l', 'symlink path': ['dir', 'b'] },
      ),
    ),
  )
  t.match(it.files, [
    { path: 'a/run', executable: true, hidden: true, pad: false },
    { path: 'a/.pad/3', pad: true },
    { path: 'a/.pad/3', pad: true },
    { path: 'a/.pad', pad: true },
    { path: 'a/b', executable: false, md5sum: 'm', offset: 4 },
    { path: 'a/link', length: 0, symlink: 'a/dir/b' },
  ])
  t.same(it.warnings, [])
})

t.test('a symlink that has bytes or points out of the torrent is rejected', async t => {
  const link = (rest: Dict) => torrent(files(empty(5), { path: ['l'], attr: 'l', ...rest }))
  t.throws(() => parse(link({ 'symlink path': ['..', 'x'] })), {
    code: 'ERR_PATH',
    message: /\.symlink path: /,
  })
  t.throws(() => parse(link({ 'symlink path': ['', 'etc', 'passwd'] })), { code: 'ERR_PATH' })
  t.equal(parse(link({ 'symlink path': ['/etc/passwd'] })).files[1]?.symlink, 'a/_etc_passwd')
  t.throws(() => parse(link({})), { ...refused, message: /symlink path: expected a list, got nothing/ })
  t.throws(() => parse(link({ 'symlink path': ['f'], length: 1 })), {
    ...refused,
    message: /being a symlink/,
  })
})

t.test('an optional field of another type is ignored with a warning', async t => {
  const wrong = {
    comment: 1,
    'created by': [],
    'creation date': 'x',
    announce: 5,
    'url-list': {},
    nodes: 'x',
  }
  const it = parse(torrent({ private: 'yes' }, wrong))
  t.equal(it.warnings.length, 7)
  t.same(
    [it.comment, it.createdBy, it.creationDate, it.nodes, it.private],
    [undefined, undefined, undefined, undefined, false],
  )
  t.equal(parse(torrent({}, { 'creation date': -1 })).creationDate, undefined)
})

t.test('dates, comments and nodes (BEP 5) are parsed', async t => {
  const nodes = [['router.example', 6881], ['::1', '1'], ['x', 0], 'y']
  const it = parse(torrent({ private: 1 }, { 'creation date': 1_700_000_000, comment: 'ü', nodes }))
  t.match(it, { creationDate: 1_700_000_000, comment: 'ü', private: true })
  t.same(it.nodes, [
    { host: 'router.example', port: 6881 },
    { host: '::1', port: 1 },
  ])
  t.equal(it.warnings.length, 2)
})

t.test('at most 100 warnings are kept', async t => {
  const odd = Array.from({ length: 1000 }, (_, index) => ({ length: 0, path: [`${index}/`] }))
  const it = parse(torrent(files(empty(5), ...odd)))
  t.equal(it.warnings.length, 101)
  t.equal(it.warnings.at(-1), 'and 900 more warnings')
})

t.test('a torrent with too many files is rejected', async t => {
  const many = `l${'d6:lengthi0ee'.repeat(500_001)}e`
  const spelled = `d4:infod5:files${many}4:name1:a12:piece lengthi1e6:pieces0:ee`
  t.throws(() => parse(Buffer.from(spelled)), { ...refused, message: /expected at most 500000 files/ })
})

t.test('length is ignored with a warning if files is present', async t => {
  const it = parse(torrent({ files: [empty(5)] }))
  t.match(it, { multiFile: true, warnings: [/has both files and length/] })
})
