import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import t, { type Test } from 'tap'
import { parse } from '../../src/metainfo/parse.ts'
import { torrentOf } from '../../src/metainfo/torrent.ts'
import { type Content, differences, interopSize, oddFiles, oneFile } from '../helpers/counterparts/content.ts'
import { inFormat } from '../helpers/counterparts/format.ts'
import { noLibtorrent, seedWithLibtorrent } from '../helpers/counterparts/libtorrent.ts'
import { scratch, startProgram } from '../helpers/counterparts/process.ts'
import { seedWithTsdl, startTsdl } from '../helpers/counterparts/tsdl.ts'
import { inProject } from '../helpers/project.ts'

// The programs wait for each other more than they compute.
t.jobs = 3

const CONTENT_BYTES = interopSize(12 << 20)
/** More than 512 pieces, so that layers come in several ranges with proofs. */
const PIECE_LENGTH = 16_384

async function linkOf({ torrent }: Content, hashes: 'v2' | 'both' = 'v2'): Promise<string> {
  const { infoHash, infoHashV2, name } = parse(await readFile(torrent))
  const v1 = hashes === 'both' ? `xt=urn:btih:${infoHash.toString('hex')}&` : ''
  return `magnet:?${v1}xt=urn:btmh:1220${infoHashV2!.toString('hex')}&dn=${encodeURIComponent(name)}`
}

async function getWithTsdl(t: Test, source: string, content: Content, peers: readonly string[]) {
  const out = scratch(t)
  const addresses = peers.flatMap(peer => ['--peer', peer])
  const options = ['-o', out, '--bind', '127.0.0.1', '--no-tracker', '--timeout', '40s', ...addresses]
  const tsdl = startTsdl(t, ['get', source, ...options])
  t.equal(await tsdl.ended, 0, tsdl.output())
  t.strictSame(await differences(content, out), [])
}

for (const make of [oneFile, oddFiles]) {
  const contentOf = (t: Test) =>
    inFormat(make(scratch(t), CONTENT_BYTES), 'v2', { pieceLength: PIECE_LENGTH, isPrivate: false })

  t.test(
    `tsdl: a v2 link, all of it from libtorrent: ${make.name}`,
    { skip: noLibtorrent, buffered: true },
    async t => {
      const content = await contentOf(t)
      await getWithTsdl(t, await linkOf(content), content, [await seedWithLibtorrent(t, content)])
    },
  )

  t.test(
    `libtorrent: a v2 link, all of it from tsdl: ${make.name}`,
    { skip: noLibtorrent, buffered: true },
    async t => {
      const content = await contentOf(t)
      const { address } = await seedWithTsdl(t, content)
      const out = scratch(t)
      const script = inProject('test/helpers/counterparts/libtorrent-magnet.py')
      const leech = startProgram(t, ['/usr/bin/python3', script, await linkOf(content), out, address])
      const [code] = await once(leech.child, 'close')
      t.equal(code, 0, leech.output())
      t.strictSame(await differences(content, out), [])
    },
  )
}

t.test(
  'tsdl: a .torrent without piece layers, from libtorrent',
  { skip: noLibtorrent, buffered: true },
  async t => {
    const content = await inFormat(oneFile(scratch(t), CONTENT_BYTES), 'v2', { pieceLength: PIECE_LENGTH })
    const { pieceNodes: _, ...rest } = parse(await readFile(content.torrent))
    const peer = await seedWithLibtorrent(t, content)
    const bare = `${content.torrent}.bare.torrent`
    await writeFile(bare, torrentOf(rest))
    await getWithTsdl(t, bare, content, [peer])
  },
)

for (const hashes of ['v2', 'both'] as const) {
  t.test(
    `tsdl: a link to a hybrid torrent with ${hashes}, from libtorrent`,
    { skip: noLibtorrent, buffered: true },
    async t => {
      const content = await inFormat(oneFile(scratch(t), CONTENT_BYTES), 'hybrid', { isPrivate: false })
      await getWithTsdl(t, await linkOf(content, hashes), content, [await seedWithLibtorrent(t, content)])
    },
  )

  t.test(
    `libtorrent: a link to a hybrid torrent with ${hashes}, from tsdl`,
    { skip: noLibtorrent, buffered: true },
    async t => {
      const content = await inFormat(oneFile(scratch(t), CONTENT_BYTES), 'hybrid', { isPrivate: false })
      const { address } = await seedWithTsdl(t, content)
      const out = scratch(t)
      const script = inProject('test/helpers/counterparts/libtorrent-magnet.py')
      const leech = startProgram(t, ['/usr/bin/python3', script, await linkOf(content, hashes), out, address])
      const [code] = await once(leech.child, 'close')
      t.equal(code, 0, leech.output())
      t.strictSame(await differences(content, out), [])
    },
  )
}
