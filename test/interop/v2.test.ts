import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { tsdl } from '../helpers/cli.ts'
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

  t.test(
    `${format}: verify names wrong blocks, also beyond the end of the file, by hashes of libtorrent`,
    { skip: noLibtorrent },
    async t => {
      const content = await inFormat(oneFile(scratch(t), CONTENT_BYTES), format)
      const peer = await seedWithLibtorrent(t, content, 0, 'check')
      const bytes = readFileSync(join(content.dir, content.name))
      bytes[5 * 65_536 + 20_000]! ^= 1
      const short = bytes.length - 100_000
      const copy = scratch(t)
      writeFileSync(join(copy, content.name), bytes.subarray(0, short))
      const args = ['--blocks', '--json', '--bind', '127.0.0.1', '--peer', peer]
      const { code, stderr, stdout } = await tsdl(['verify', content.torrent, copy, ...args])
      t.equal(code, 5, stderr)
      const { files, unknownBlocks } = JSON.parse(stdout.toString())
      t.strictSame(unknownBlocks, [])
      const missing = short - (short % 16_384)
      t.strictSame(files[0].ranges, [
        { offset: 5 * 65_536 + 16_384, length: 16_384 },
        { offset: missing, length: bytes.length - missing },
      ])
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
