import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'
import { runClient } from '../helpers/counterparts/client.ts'
import { differences, interopSize, oddFiles, oneFile } from '../helpers/counterparts/content.ts'
import { fetchesFolder, fetchesOneFile } from '../helpers/counterparts/every-way.ts'
import { inFormat } from '../helpers/counterparts/format.ts'
import { fetchWithLibtorrent, noLibtorrent, seedWithLibtorrent } from '../helpers/counterparts/libtorrent.ts'
import { scratch } from '../helpers/counterparts/process.ts'
import { seedWithTsdl } from '../helpers/counterparts/tsdl.ts'

const CONTENT_BYTES = interopSize(8 << 20)

for (const format of ['v2', 'hybrid'] as const) {
  t.test(`${format}: tsdl downloads one file from libtorrent`, { skip: noLibtorrent }, async t => {
    const content = await inFormat(oneFile(scratch(t), CONTENT_BYTES), format)
    await fetchesOneFile(t, content, [await seedWithLibtorrent(t, content)])
  })

  t.test(
    `${format}: tsdl downloads several files from libtorrent, also as tar`,
    { skip: noLibtorrent },
    async t => {
      const content = await inFormat(oddFiles(scratch(t), CONTENT_BYTES), format)
      const peers = [await seedWithLibtorrent(t, content)]
      await fetchesFolder(t, content, peers)
      const out = scratch(t)
      const tar = join(out, 'x.tar')
      const { code, stderr } = await runClient(content, peers, ['--tar', '-q'], { to: tar })
      t.equal(code, 0, stderr)
      execFileSync('tar', ['-xmf', tar, '-C', out])
      t.strictSame(await differences(content, out), [])
    },
  )

  for (const make of [oneFile, oddFiles]) {
    t.test(`${format}: libtorrent downloads from a seed: ${make.name}`, { skip: noLibtorrent }, async t => {
      const content = await inFormat(make(scratch(t), CONTENT_BYTES), format)
      const { address } = await seedWithTsdl(t, content)
      const out = scratch(t)
      t.equal(await fetchWithLibtorrent(t, content, out, [address]), '')
      t.strictSame(await differences(content, out), [])
    })
  }
}
