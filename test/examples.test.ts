import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { offer, type PeerPieces, tsdl } from './helpers/cli.ts'
import { inProject } from './helpers/project.ts'

const EXAMPLES_DIRECTORY = inProject('examples')

const EXAMPLE_RUNS: Readonly<
  Record<string, (offer: PeerPieces, dir: string) => [args: string[], output: RegExp | Buffer]>
> = {
  'to-directory.js': ({ path, peer }, dir) => [[path, join(dir, 'out'), peer], /^300000 bytes in .*out\n$/],
  'to-readable.js': ({ path, peer, bytes }) => [
    [path, peer],
    Buffer.from(`${createHash('sha256').update(bytes).digest('hex')}\n`),
  ],
  'async-iterator.js': ({ path, peer, bytes }) => [[path, peer, '100000'], bytes.subarray(0, 100_000)],
  'fan-out.js': ({ path, peer, bytes }, dir) => [[path, join(dir, 'copy'), peer], bytes],
  'on-memfs.js': ({ path, peer }) => [[path, peer], /^content\.bin 300000\n$/],
  'stages-by-hand.js': () => [[], /^peer -TD\n3000000 bytes are equal\n$/],
  'a-stage-alone.js': ({ path, peer }) => [[path, peer], /^peer id -TD.*\nhas 19 of 19 pieces\n$/],
}

t.test('every example does what it says', async t => {
  t.strictSame(readdirSync(EXAMPLES_DIRECTORY).sort(), Object.keys(EXAMPLE_RUNS).sort())
  const content = await offer(t, { trackers: [] })
  for (const [name, how] of Object.entries(EXAMPLE_RUNS)) {
    const [args, output] = how(content, t.testdirName)
    const { code, stdout, stderr } = await tsdl(args, { program: join(EXAMPLES_DIRECTORY, name) })
    t.equal(code, 0, `${name} ${stderr}`)
    if (Buffer.isBuffer(output)) t.ok(stdout.equals(output), name)
    else t.match(stdout.toString(), output, name)
  }
  t.ok(readFileSync(join(t.testdirName, 'copy')).equals(content.bytes))
  t.ok(readFileSync(join(t.testdirName, 'out/content.bin')).equals(content.bytes))
})
