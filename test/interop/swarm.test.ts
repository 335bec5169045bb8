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
import {
  asTransmissionWrites,
  leechWithTransmission,
  noTransmission,
  TRANSMISSION_SIZE,
} from '../helpers/counterparts/transmission.ts'
import { fetchWithTsdl, seedWithTsdl } from '../helpers/counterparts/tsdl.ts'

/** @param host an address of its own, as transmission keeps one peer from each */
type Fetch = (t: Test, content: Content, dir: string, host: string) => Promise<string>

async function fetchWithTransmission(t: Test, content: Content, dir: string) {
  const leech = await leechWithTransmission(t, content, dir)
  return leech.finished().then(
    () => '',
    error => String(error),
  )
}

/** Ten with the seed. */
const leechers: [name: string, fetch: Fetch][] = [
  ...Array<[string, Fetch]>(3).fill(['tsdl', (t, content, dir) => fetchWithTsdl(t, content, dir)]),
  ...Array<[string, Fetch]>(2).fill([
    'aria2',
    (t, content, dir, host) => fetchWithAria2(t, content, dir, '', host),
  ]),
  ...Array<[string, Fetch]>(2).fill(['transmission', fetchWithTransmission]),
  ...Array<[string, Fetch]>(2).fill([
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
const skip = noAria2 || noLibtorrent || noTransmission

for (const { name, seed } of seeds)
  t.test(`a swarm of ten of all kinds gets everything from one slow seed, ${name}`, { skip }, async t => {
    const plain = oddFiles(scratch(t), interopSize(TRANSMISSION_SIZE))
    const tracker = await gatheringTracker(t, leechers.length + 1)
    const content = await announcedAt(tracker.url, plain)
    const folders = leechers.map(() => scratch(t))
    // Without each other's help the nine would take a minute and a half.
    const serving = seed(t, content, Math.floor(content.length / 10))
    const complaints = await Promise.all(
      leechers.map(([, fetch], i) => fetch(t, content, folders[i] as string, `127.0.0.${i + 10}`)),
    )
    await serving
    for (const [i, [client]] of leechers.entries()) {
      t.equal(complaints[i], '', `${client} ended well`)
      const wanted = client === 'transmission' ? asTransmissionWrites(content) : content
      t.strictSame(await differences(wanted, folders[i] as string), [], `${client} has the right bytes`)
    }
  })
