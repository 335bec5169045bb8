import t from 'tap'
import { differences, interopSize, oddFiles, oneFile } from '../helpers/counterparts/content.ts'
import { gaveHalfWay, halfWay } from '../helpers/counterparts/half-way.ts'
import { fetchWithLibtorrent, noLibtorrent } from '../helpers/counterparts/libtorrent.ts'
import { scratch } from '../helpers/counterparts/process.ts'
import { seedWithTsdl } from '../helpers/counterparts/tsdl.ts'

for (const make of [oneFile, oddFiles])
  t.test(`libtorrent downloads from a seed: ${make.name}`, { skip: noLibtorrent }, async t => {
    const content = make(scratch(t), interopSize())
    const { address } = await seedWithTsdl(t, content)
    const out = scratch(t)
    t.equal(await fetchWithLibtorrent(t, content, out, [address]), '')
    t.strictSame(await differences(content, out), [])
  })

t.test('libtorrent downloads from a download that is half complete', { skip: noLibtorrent }, async t => {
  const content = oddFiles(scratch(t), interopSize())
  const tsdl = await halfWay(t, content)
  const out = scratch(t)
  t.equal(await fetchWithLibtorrent(t, content, out, [tsdl.address]), '')
  t.strictSame(await differences(content, out), [])
  t.ok(gaveHalfWay(tsdl, content), 'it gave what it had before it had everything')
})
