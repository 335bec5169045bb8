import t from 'tap'
import { noAria2, seedWithAria2 } from '../helpers/counterparts/aria2.ts'
import { interopSize, oddFiles, oneFile } from '../helpers/counterparts/content.ts'
import { fetchesFolder, fetchesOneFile } from '../helpers/counterparts/every-way.ts'
import { noLibtorrent, seedWithLibtorrent } from '../helpers/counterparts/libtorrent.ts'
import { scratch } from '../helpers/counterparts/process.ts'
import { noTransmission, seedWithTransmission } from '../helpers/counterparts/transmission.ts'

const skip = noLibtorrent || noAria2 || noTransmission
const seeds = [seedWithLibtorrent, seedWithAria2, seedWithTransmission]

t.test('tsdl downloads one file from all other clients at once', { skip }, async t => {
  const content = oneFile(scratch(t), interopSize())
  await fetchesOneFile(t, content, await Promise.all(seeds.map(seed => seed(t, content))))
})

t.test('tsdl downloads a torrent with unusual files from all other clients at once', { skip }, async t => {
  const content = oddFiles(scratch(t), interopSize())
  await fetchesFolder(t, content, await Promise.all(seeds.map(seed => seed(t, content))))
})
