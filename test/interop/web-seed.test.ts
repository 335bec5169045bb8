import t from 'tap'
import { differences, interopSize, oddFiles, oneFile } from '../helpers/counterparts/content.ts'
import { noNginx, startNginx } from '../helpers/counterparts/nginx.ts'
import { scratch } from '../helpers/counterparts/process.ts'
import { startTsdl } from '../helpers/counterparts/tsdl.ts'

const TEST_CASES = [oneFile, oddFiles].flatMap(make => [true, false].map(ranges => ({ make, ranges })))

for (const { make, ranges } of TEST_CASES)
  t.test(`tsdl downloads from nginx alone: ${make.name}, ranges ${ranges}`, { skip: noNginx }, async t => {
    const content = make(scratch(t), interopSize())
    const url = await startNginx(t, content.dir, { ranges })
    const out = scratch(t)
    const get = ['get', content.torrent, '-o', out, '--web-seed', `${url}/`, '--no-tracker', '--no-listen']
    const tsdl = startTsdl(t, get)
    t.equal(await tsdl.ended, 0, tsdl.output().slice(-2000))
    t.strictSame(await differences(content, out), [])
    t.match(await tsdl.event(({ event }) => event === 'done'), {
      downloaded: content.length,
      ...(ranges ? { wasted: 0 } : {}),
    })
    t.match(await tsdl.event(({ event }) => event === 'peer'), { address: `${url}/`, client: 'web seed' })
  })
