import t from 'tap'
import { differences, interopSize, oddFiles, oneFile } from '../helpers/counterparts/content.ts'
import { gaveHalfWay, slowGet } from '../helpers/counterparts/half-way.ts'
import { noLibtorrent } from '../helpers/counterparts/libtorrent.ts'
import { scratch } from '../helpers/counterparts/process.ts'
import {
  asTransmissionWrites,
  leechWithTransmission,
  noTransmission,
  TRANSMISSION_SIZE,
} from '../helpers/counterparts/transmission.ts'
import { seedWithTsdl } from '../helpers/counterparts/tsdl.ts'

for (const make of [oneFile, oddFiles])
  t.test(`transmission downloads from a seed: ${make.name}`, { skip: noTransmission }, async t => {
    const content = make(scratch(t), interopSize(TRANSMISSION_SIZE))
    const out = scratch(t)
    const leech = await leechWithTransmission(t, content, out)
    // It ignores peers at 127.x that a tracker names, so we dial it.
    await seedWithTsdl(t, content, ['--no-tracker', '--peer', leech.address])
    await leech.finished()
    t.strictSame(await differences(asTransmissionWrites(content), out), [])
  })

const skip = noTransmission || noLibtorrent
t.test('transmission downloads from a download that is half complete', { skip }, async t => {
  const content = oddFiles(scratch(t), interopSize(TRANSMISSION_SIZE))
  const out = scratch(t)
  const leech = await leechWithTransmission(t, content, out)
  // it is slow to send its first request
  const tsdl = await slowGet(t, content, [leech.address], 25)
  await leech.finished()
  t.strictSame(await differences(asTransmissionWrites(content), out), [])
  t.ok(gaveHalfWay(tsdl, content), 'it gave what it had before it had everything')
})
