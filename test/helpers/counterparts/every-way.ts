import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Test } from 'tap'
import { fetchWithLibrary, runClient, streamWithLibrary } from './client.ts'
import { type Content, differences, sha1Of } from './content.ts'
import { scratch } from './process.ts'

/** Downloads one file in each way: to a directory, to standard output, and with the library. */
export async function fetchesOneFile(t: Test, content: Content, peers: readonly string[]) {
  const [file] = content.files
  await t.test('the command line downloads to a directory', async t => {
    const out = scratch(t)
    const { code, stderr } = await runClient(content, peers, ['-o', out, '-q'])
    t.equal(code, 0, stderr)
    t.strictSame(await differences(content, out), [])
  })
  await t.test('the command line downloads to standard output', async t => {
    const to = join(scratch(t), 'out')
    const { code, stderr } = await runClient(content, peers, ['-q'], { to })
    t.equal(code, 0, stderr)
    t.equal((await stat(to)).size, content.length)
    t.equal(await sha1Of(to), file?.sha1)
  })
  await t.test('the library downloads to a directory', async t => {
    const out = scratch(t)
    await fetchWithLibrary(content, peers, out)
    t.strictSame(await differences(content, out), [])
  })
  await t.test('the library downloads as a stream', async t => {
    t.equal(await streamWithLibrary(content, peers), file?.sha1)
  })
}

/** Downloads several files to a directory. */
export async function fetchesFolder(t: Test, content: Content, peers: readonly string[]) {
  const out = scratch(t)
  const { code, stderr } = await runClient(content, peers, ['-o', out, '-q'])
  t.equal(code, 0, stderr)
  t.strictSame(await differences(content, out), [])
}
