import t from 'tap'
import { interopSize, oddFiles } from '../helpers/counterparts/content.ts'
import { fetchesFolder } from '../helpers/counterparts/every-way.ts'
import { scratch } from '../helpers/counterparts/process.ts'
import {
  noTransmission,
  seedWithTransmission,
  TRANSMISSION_SIZE,
} from '../helpers/counterparts/transmission.ts'

// In a separate file, so that it runs beside the other one, because transmission mostly waits.
t.test('tsdl downloads a torrent with unusual files from transmission', { skip: noTransmission }, async t => {
  const content = oddFiles(scratch(t), interopSize(TRANSMISSION_SIZE))
  await fetchesFolder(t, content, [await seedWithTransmission(t, content)])
})
