import t from 'tap'
import { interopSize, oddFiles, oneFile } from '../helpers/counterparts/content.ts'
import { fetchesFolder, fetchesOneFile } from '../helpers/counterparts/every-way.ts'
import { noLibtorrent, seedWithLibtorrent } from '../helpers/counterparts/libtorrent.ts'
import { scratch } from '../helpers/counterparts/process.ts'

t.test('tsdl downloads one file from libtorrent', { skip: noLibtorrent }, async t => {
  const content = oneFile(scratch(t), interopSize())
  await fetchesOneFile(t, content, [await seedWithLibtorrent(t, content)])
})

t.test('tsdl downloads a torrent with unusual files from libtorrent', { skip: noLibtorrent }, async t => {
  const content = oddFiles(scratch(t), interopSize())
  await fetchesFolder(t, content, [await seedWithLibtorrent(t, content)])
})
