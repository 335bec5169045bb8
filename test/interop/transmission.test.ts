import t from 'tap'
import { interopSize, oddFiles, oneFile } from '../helpers/counterparts/content.ts'
import { fetchesFolder, fetchesOneFile } from '../helpers/counterparts/every-way.ts'
import { scratch } from '../helpers/counterparts/process.ts'
import {
  noTransmission,
  seedWithTransmission,
  TRANSMISSION_SIZE,
} from '../helpers/counterparts/transmission.ts'

t.test('one file from transmission', { skip: noTransmission }, async t => {
  const content = oneFile(scratch(t), interopSize(TRANSMISSION_SIZE))
  await fetchesOneFile(t, content, [await seedWithTransmission(t, content)])
})

t.test('odd files from transmission', { skip: noTransmission }, async t => {
  const content = oddFiles(scratch(t), interopSize(TRANSMISSION_SIZE))
  await fetchesFolder(t, content, [await seedWithTransmission(t, content)])
})
