import t, { type Test } from 'tap'
import { fetchWithAria2, noAria2 } from '../helpers/counterparts/aria2.ts'
import {
  announcedAt,
  type Content,
  differences,
  interopSize,
  oddFiles,
} from '../helpers/counterparts/content.ts'
import { gatheringTracker } from '../helpers/counterparts/gathering.ts'
import { fetchWithLibtorrent, noLibtorrent, seedWithLibtorrent } from '../helpers/counterparts/libtorrent.ts'
import { scratch } from '../helpers/counterparts/process.ts'
import { fetchWithTsdl, seedWithTsdl } from '../helpers/counterparts/tsdl.ts'

/** @param host its own address */
type Fetch = (t: Test, content: Content, dir: string, host: string) => Promise<string>

/** Bytes of the content. */
const CONTENT_BYTES = 8 << 20

/** Nine leechers; with the seed there are ten clients. */
const leechers: [name: string, fetch: Fetch][] = [
  ...Array<[string, Fetch]>(3).fill(['tsdl', (t, content, dir) => fetchWithTsdl(t, content, dir)]),
  ...Array<[string, Fetch]>(3).fill([
    'aria2',
    (t, content, dir, host) => fetchWithAria2(t, content, dir, '', host),
  ]),
  ...Array<[string, Fetch]>(3).fill([
    'libtorrent',
    (t, content, dir, host) => fetchWithLibtorrent(t, content, dir, [], host),
  ]),
]
const seeds = [
  {
    name: 'libtorrent',
    seed: (t: Test, content: Content, rate: number) => seedWithLibtorrent(t, content, rate),
  },
  {
    name: 'tsdl',
    seed: (t: Test, content: Content, rate: number) => seedWithTsdl(t, content, ['--up', `${rate}`]),
  },
]
const skip = noAria2 || noLibtorrent

for (const { name, seed } of seeds)
  t.test(
    `a swarm of ten clients of three kinds downloads everything from one slow seed, ${name}`,
    { skip },
    async t => {
      const plain = oddFiles(scratch(t), interopSize(CONTENT_BYTES))
      const tracker = await gatheringTracker(t, leechers.length + 1)
      const content = await announcedAt(tracker.url, plain)
      const folders = leechers.map(() => scratch(t))
      // Without uploads to each other the nine would take a minute and a half.
      const serving = seed(t, content, Math.floor(content.length / 10))
      const complaints = await Promise.all(
        leechers.map(([, fetch], i) => fetch(t, content, folders[i] as string, `127.0.0.${i + 10}`)),
      )
      await serving
      for (const [i, [client]] of leechers.entries()) {
        t.equal(complaints[i], '', `${client} ended well`)
        t.strictSame(await differences(content, folders[i] as string), [], `${client} has the right bytes`)
      }
    },
  )
