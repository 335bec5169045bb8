import t from 'tap'
import { noAria2, seedWithAria2 } from '../helpers/counterparts/aria2.ts'
import { differences, interopSize, oddFiles } from '../helpers/counterparts/content.ts'
import { fetchWithLibtorrent, noLibtorrent, seedWithLibtorrent } from '../helpers/counterparts/libtorrent.ts'
import { scratch } from '../helpers/counterparts/process.ts'
import { noTransmission, seedWithTransmission } from '../helpers/counterparts/transmission.ts'

// Downloads between other clients. If these fail, the launchers or the machine are at fault; if only other tests fail,
// our client is.
const seeds = [
  { name: 'libtorrent', start: seedWithLibtorrent, skip: noLibtorrent },
  { name: 'aria2', start: seedWithAria2, skip: noLibtorrent || noAria2 },
  { name: 'transmission', start: seedWithTransmission, skip: noLibtorrent || noTransmission },
]

for (const { name, start, skip } of seeds)
  t.test(`libtorrent downloads a torrent with unusual files from ${name}`, { skip }, async t => {
    const content = oddFiles(scratch(t), interopSize(4 << 20))
    const address = await start(t, content)
    const out = scratch(t)
    t.equal(await fetchWithLibtorrent(t, content, out, [address]), '')
    t.strictSame(await differences(content, out), [])
  })
