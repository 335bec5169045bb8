import t from 'tap'
import { noAria2, seedWithAria2 } from '../helpers/counterparts/aria2.ts'
import { interopSize, oddFiles, oneFile } from '../helpers/counterparts/content.ts'
import { fetchesFolder, fetchesOneFile } from '../helpers/counterparts/every-way.ts'
import { scratch } from '../helpers/counterparts/process.ts'

t.test('tsdl downloads one file from aria2', { skip: noAria2 }, async t => {
  const content = oneFile(scratch(t), interopSize())
  await fetchesOneFile(t, content, [await seedWithAria2(t, content)])
})

t.test('tsdl downloads a torrent with unusual files from aria2', { skip: noAria2 }, async t => {
  const content = oddFiles(scratch(t), interopSize())
  await fetchesFolder(t, content, [await seedWithAria2(t, content)])
})
