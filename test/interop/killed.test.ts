import t from 'tap'
import { runClient } from '../helpers/counterparts/client.ts'
import { differences, interopSize, oddFiles } from '../helpers/counterparts/content.ts'
import { noLibtorrent, seedWithLibtorrent } from '../helpers/counterparts/libtorrent.ts'
import { scratch } from '../helpers/counterparts/process.ts'

t.test(
  'a download that is killed half-way keeps its data for the next run',
  { skip: noLibtorrent },
  async t => {
    const content = oddFiles(scratch(t), interopSize())
    // Slow enough that an event of some second is in the middle of the download.
    const slow = await seedWithLibtorrent(t, content, Math.floor(content.length / 6))
    const out = scratch(t)
    let had = 0
    const first = await runClient(content, [slow], ['-o', out, '--json'], {
      killWhen({ event, verified = 0 }) {
        if (event === 'progress') had = verified
        return event === 'progress' && verified > content.length / 3
      },
    })
    t.equal(first.code, null, `killed, not ended: ${first.stderr.slice(-2000)}`)
    t.ok(had < content.length, 'something was left to do')

    const fast = await seedWithLibtorrent(t, content)
    const second = await runClient(content, [fast], ['-o', out, '--json'])
    t.equal(second.code, 0, second.stderr.slice(-2000))
    t.strictSame(await differences(content, out), [])
    const done = second.events.find(({ event }) => event === 'done')
    // Pieces that were verified and not written when it was killed are downloaded again, and a few blocks.
    t.ok(
      (done?.downloaded ?? Number.NaN) < content.length - had / 2,
      `downloaded ${done?.downloaded}, had ${had}`,
    )
  },
)
