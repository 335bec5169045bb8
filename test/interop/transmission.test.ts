import t from 'tap'
import { interopSize, oneFile } from '../helpers/counterparts/content.ts'
import { fetchesOneFile } from '../helpers/counterparts/every-way.ts'
import { scratch } from '../helpers/counterparts/process.ts'
import {
  noTransmission,
  seedWithTransmission,
  TRANSMISSION_SIZE,
} from '../helpers/counterparts/transmission.ts'

t.test('tsdl downloads one file from transmission', { skip: noTransmission }, async t => {
  const content = oneFile(scratch(t), interopSize(TRANSMISSION_SIZE))
  await fetchesOneFile(t, content, [await seedWithTransmission(t, content)])
})
