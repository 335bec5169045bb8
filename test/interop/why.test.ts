import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import t, { type Test } from 'tap'
import { torrentOf } from '../../src/metainfo/torrent.ts'
import type { Bottleneck } from '../../src/pipeline/diagnosis/bottleneck.ts'
import { without } from '../helpers/counterparts/process.ts'
import { startFastSeed } from '../helpers/fast-seed.ts'
import { isolated } from '../helpers/isolated.ts'
import { inProject } from '../helpers/project.ts'

/**
 * Runs a program with a delay of 100 ms at each write, like that of a slow disk: 10 MiB/s with four concurrent writes.
 */
const ON_SLOW_DISK = [
  // with -D the program is our child, and the tracer ends with it
  ...['strace', '-D', '--seccomp-bpf', '-qq', '-f', '-o', '/dev/null'],
  ...['-e', 'trace=pwrite64,pwritev', '-e', 'inject=pwrite64,pwritev:delay_enter=100ms'],
]
const withoutStrace = without('strace', '-o', '/dev/null', 'true')

/**
 * Downloads 4 GiB of zeros, faster than any disk. Resolves with the first diagnosis of a kind, and ends the download.
 */
async function findDiagnosis(
  t: Test,
  kind: Bottleneck['kind'],
  args: readonly string[],
  prefix: readonly string[] = [],
): Promise<Bottleneck> {
  const seed = await startFastSeed(16_384)
  t.teardown(() => seed.close())
  const path = join(t.testdir(), 'zeros.torrent')
  writeFileSync(path, torrentOf(seed.metainfo))
  const peer = ['--peer', `127.0.0.1:${seed.address.port}`]
  const command = [...prefix, process.execPath, inProject('dist/cli.js')]
  const child = spawn(
    command[0]!,
    [...command.slice(1), ...isolated(['get', path, '--json', ...peer, ...args])],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  )
  const ended = new Promise(resolve => child.once('close', resolve))
  t.teardown(async () => {
    child.kill('SIGKILL')
    await ended
  })
  for await (const line of createInterface(child.stderr)) {
    const { bottleneck } = JSON.parse(line) as { bottleneck?: Bottleneck }
    if (bottleneck?.kind === kind) return bottleneck
  }
  throw new Error(`the download ended with ${await ended}, and ${kind} was not its limit`)
}

t.test('our CPU limits a download from a seed of this machine that discards all', async t => {
  const { sentence, short } = await findDiagnosis(t, 'cpu', ['-o', '-', '--hash-threads', '0'])
  t.equal(short, 'limited by the CPU')
  t.match(sentence, /^our CPU: the event loop was busy \d+ % of the time, \d+ % with hashing/)
})

t.test(
  'a disk that takes 100 ms for each write limits the download to it',
  { skip: withoutStrace },
  async t => {
    const { sentence, short } = await findDiagnosis(
      t,
      'disk',
      ['-o', join(t.testdirName, 'out')],
      ON_SLOW_DISK,
    )
    t.equal(short, 'waiting for the disk')
    t.match(
      sentence,
      /^the disk: a write of 256 KiB takes \d+ ms, and pieces waited for it \d+ % of the time$/,
    )
  },
)
