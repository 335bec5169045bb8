import { memfs } from 'memfs'
import t from 'tap'
import { type Encodable, encode } from '../../src/codec/bencode.ts'
import { parse } from '../../src/metainfo/parse.ts'
import { fileUrl } from '../../src/metainfo/web-url.ts'
import type { ListingFileSystem } from '../../src/ports/file-system.ts'
import { findFiles } from '../../src/storage/find-files.ts'

/** Returns a torrent of files of one byte each. */
function torrentOf(name: string | Buffer, ...paths: (string | Buffer)[][]) {
  const content: { [key: string]: Encodable } =
    paths.length === 0 ? { length: 1 } : { files: paths.map(path => ({ length: 1, path })) }
  const info = { name, 'piece length': 1, pieces: Buffer.alloc(20 * Math.max(1, paths.length)), ...content }
  return (options = {}) => parse(encode({ info }), { platform: 'linux', ...options })
}

/** Returns the paths of a torrent for these files on disk. */
async function found(
  torrent: ReturnType<typeof torrentOf>,
  disk: readonly string[],
  options: { portableNames?: boolean; platform?: NodeJS.Platform } = {},
) {
  const { fs } = memfs(Object.fromEntries(disk.map(path => [`/out/${path}`, 'x'])))
  const metainfo = await findFiles(torrent(options), {
    directory: '/out',
    platform: 'linux',
    ...options,
    fs: fs.promises as unknown as ListingFileSystem,
  })
  return metainfo.files.map(({ path }) => path)
}

const odd = torrentOf('What? A: "Film"', ['a:b?.txt'], ['dot.'], ['CON'], ['Side A/B.mp3'], ['AC\\DC.mp3'])
const own = ['a:b?.txt', 'dot.', 'CON', 'Side A_B.mp3', 'AC\\DC.mp3'].map(name => `What? A: "Film"/${name}`)
const portable = ['a_b_.txt', 'dot', '_CON', 'Side A_B.mp3', 'AC_DC.mp3'].map(
  name => `What_ A_ _Film_/${name}`,
)

t.test('without files on disk, paths are as parsed', async t => {
  t.same(await found(odd, []), own)
  t.same(await found(odd, ['other/x', 'What', 'a:b?.txt']), own)
  t.same(await found(odd, [], { portableNames: true }), portable)
})

t.test('files under portable names or those of the system are found with either option', async t => {
  for (const disk of [own, portable]) {
    t.same(await found(odd, disk), disk)
    t.same(await found(odd, disk, { portableNames: true }), disk)
  }
})

t.test('files that other clients wrote are found', async t => {
  const clients = {
    aria2: ['a:b?.txt', 'dot.', 'CON', 'Side A/B.mp3', 'AC\\DC.mp3'].map(name => `What? A: "Film"/${name}`),
    libtorrent: ['a:b?.txt', 'dot.', 'CON', 'Side AB.mp3', 'ACDC.mp3'].map(name => `What? A: "Film"/${name}`),
    transmission: ['a_b_.txt', 'dot', 'CON_', 'Side A_B.mp3', 'AC_DC.mp3'].map(
      name => `What_ A_ _Film_/${name}`,
    ),
  }
  for (const [client, disk] of Object.entries(clients)) t.same(await found(odd, disk), disk, client)
  const control = torrentOf('x', ['a\u0001b'], [Buffer.from('d\xe9', 'latin1')], ['gpj\u202eexe'])
  for (const disk of [
    ['x/a%01b', 'x/d%E9', 'x/gpj\u202eexe'],
    ['x/a_b', 'x/d_', 'x/gpjexe'],
    ['x/a_b', 'x/dé', 'x/gpj\u202eexe'],
    ['x/a\u0001b', 'x/d\udce9', 'x/gpj\u202eexe'],
  ])
    t.same(await found(control, disk), disk)
})

t.test('the file of a single-file torrent is found', async t => {
  const single = torrentOf('Haiku R1/beta6?')
  t.same(await found(single, []), ['Haiku R1_beta6?'])
  for (const name of ['Haiku R1_beta6_', 'Haiku R1beta6?', 'Haiku R1/beta6?'])
    t.same(await found(single, [name]), [name])
})

t.test(
  'a file that does not exist goes into the directory of the torrent under its name on disk',
  async t => {
    const [first = '', ...rest] = portable
    t.same(await found(odd, [first]), [
      first,
      ...['dot.', 'CON', 'Side A_B.mp3', 'AC\\DC.mp3'].map(name => `What_ A_ _Film_/${name}`),
    ])
    t.same(await found(odd, [first, own[1]!]), [first, ...own.slice(1)], 'unless its own is there')
    t.equal(rest.length, 4)
  },
)

t.test('the own path of a file comes first, and no file takes the path of another', async t => {
  const one = torrentOf('x', ['a?'], ['a_'])
  t.same(await found(one, ['x/a_']), ['x/a?', 'x/a_'])
  t.same(await found(one, ['x/a?', 'x/a_']), ['x/a?', 'x/a_'])
  t.same(await found(torrentOf('x', ['a/b'], ['ab']), ['x/ab']), ['x/a_b', 'x/ab'])
  t.same(await found(torrentOf('x', ['a/b'], ['a\\b']), ['x/ab']), ['x/ab', 'x/a\\b'])
  const twins = torrentOf('x', ['A'], ['a'])
  t.same(await found(twins, ['x/A', 'x/a']), ['x/A', 'x/a'])
  t.same(await found(twins, ['x/a']), ['x/A', 'x/a (1)'], 'which may be the first, where case does not count')
})

t.test('a longer file, or a path that is not a file, is not used', async t => {
  const torrent = torrentOf('x', ['a?'])
  const { fs } = memfs({ '/out/x/a_': 'long' })
  const search = {
    directory: '/out',
    platform: 'linux',
    fs: fs.promises as unknown as ListingFileSystem,
  } as const
  t.match((await findFiles(torrent(), search)).files, [{ path: 'x/a?' }])
  t.same(await found(torrent, ['x/a_/file']), ['x/a?'])
})

t.test('no name leads outside, whatever is on disk', async t => {
  const hostile = torrentOf('x', ['../../etc/passwd'], ['a/../../../b'], ['/c'])
  const safe = ['x/.._.._etc_passwd', 'x/a_.._.._.._b', 'x/_c']
  t.same(await found(hostile, ['../etc/passwd', 'x/d', '../b', '../c']), safe)
  t.same(await found(torrentOf('../y', ['f']), ['../y/f', 'z']), ['.._y/f'])
})

t.test('the URL of a web seed uses the names in the torrent, whatever the names on disk', async t => {
  const { fs } = memfs({ '/out/What_ A_ _Film_/a_b_.txt': 'x' })
  const directory = '/out'
  for (const portableNames of [false, true]) {
    const metainfo = await findFiles(odd({ portableNames }), {
      directory,
      fs: fs.promises as unknown as ListingFileSystem,
      platform: 'linux',
      portableNames,
    })
    t.equal(metainfo.files[0]!.path, portable[0])
    const url = (index: number) => fileUrl('http://w.example/', metainfo, metainfo.files[index]!).pathname
    t.equal(url(0), '/What%3F%20A%3A%20%22Film%22/a%3Ab%3F.txt')
    t.equal(url(3), '/What%3F%20A%3A%20%22Film%22/Side%20A%2FB.mp3')
  }
})

t.test('on Windows only names that are valid there are searched', async t => {
  t.same(await found(odd, portable, { platform: 'win32' }), portable)
  t.same(await found(odd, own, { platform: 'win32' }), portable)
})
