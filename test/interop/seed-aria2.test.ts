import t from 'tap'
import { fetchWithAria2, noAria2 } from '../helpers/counterparts/aria2.ts'
import { differences, interopSize, oddFiles, oneFile } from '../helpers/counterparts/content.ts'
import { gaveHalfWay, halfWay } from '../helpers/counterparts/half-way.ts'
import { noLibtorrent } from '../helpers/counterparts/libtorrent.ts'
import { scratch } from '../helpers/counterparts/process.ts'
import { seedWithTsdl } from '../helpers/counterparts/tsdl.ts'
import { peersBody, scriptedTracker } from '../helpers/tracker.ts'

/** aria2 accepts peers only from a tracker. This one returns `address`. */
async function trackerOf(t: Parameters<typeof scriptedTracker>[0], address: string) {
  const [host = '', port] = address.split(':')
  return (await scriptedTracker(t, { body: peersBody([{ host, port: Number(port) }]) })).url
}

for (const make of [oneFile, oddFiles])
  t.test(`aria2 downloads from a seed: ${make.name}`, { skip: noAria2 }, async t => {
    const content = make(scratch(t), interopSize())
    const { address } = await seedWithTsdl(t, content)
    const out = scratch(t)
    t.equal(await fetchWithAria2(t, content, out, await trackerOf(t, address)), '')
    t.strictSame(await differences(content, out), [])
  })

const skip = noAria2 || noLibtorrent
t.test('aria2 downloads from a download that is half complete', { skip }, async t => {
  const content = oddFiles(scratch(t), interopSize())
  const tsdl = await halfWay(t, content)
  const out = scratch(t)
  t.equal(await fetchWithAria2(t, content, out, await trackerOf(t, tsdl.address)), '')
  t.strictSame(await differences(content, out), [])
  t.ok(gaveHalfWay(tsdl, content), 'it gave what it had before it had everything')
})
