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
import { leechWithTransmission, noTransmission } from '../helpers/counterparts/transmission.ts'
import { fetchWithTsdl, seedWithTsdl } from '../helpers/counterparts/tsdl.ts'

type Fetch = (t: Test, content: Content, dir: string) => Promise<string>

async function fetchWithTransmission(t: Test, content: Content, dir: string) {
  const leech = await leechWithTransmission(t, content, dir)
  return leech.finished().then(
    () => '',
    error => String(error),
  )
}

/** Ten with the seed. */
const leechers: [name: string, fetch: Fetch][] = [
  ...Array<[string, Fetch]>(3).fill(['tsdl', fetchWithTsdl]),
  ...Array<[string, Fetch]>(2).fill(['aria2', fetchWithAria2]),
  ...Array<[string, Fetch]>(2).fill(['transmission', fetchWithTransmission]),
  ...Array<[string, Fetch]>(2).fill(['libtorrent', fetchWithLibtorrent]),
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
const skip = noAria2 || noLibtorrent || noTransmission

for (const { name, seed } of seeds)
  t.test(`a swarm of ten of all kinds gets everything from one slow seed, ${name}`, { skip }, async t => {
    const plain = oddFiles(scratch(t), interopSize(16 << 20))
    const tracker = await gatheringTracker(t, leechers.length + 1)
    const content = await announcedAt(tracker.url, plain)
    const folders = leechers.map(() => scratch(t))
    // Without each other's help the nine would take a minute and a half.
    const serving = seed(t, content, Math.floor(content.length / 10))
    const complaints = await Promise.all(
      leechers.map(([, fetch], i) => fetch(t, content, folders[i] as string)),
    )
    await serving
    for (const [i, [client]] of leechers.entries()) {
      t.equal(complaints[i], '', `${client} ended well`)
      t.strictSame(await differences(content, folders[i] as string), [], `${client} has the right bytes`)
    }
  })
