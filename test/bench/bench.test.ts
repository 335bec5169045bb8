import { spawnSync } from 'node:child_process'
import t from 'tap'
import { inProject } from '../helpers/project.ts'

/** Runs a bench in its small mode: what it measures then says nothing, but that it runs says that it has not rotted. */
function small(bench: string, ...args: string[]) {
  const path = inProject(`bench/${bench}.js`)
  return spawnSync(process.execPath, [path, '--small', ...args], { encoding: 'utf8', timeout: 150_000 })
}

t.test('bench/download.js measures every installed client, checks the bytes, and prints a table', async t => {
  const { status, stdout, stderr } = small('download')
  t.equal(status, 0, stderr)
  t.match(stdout, /^\| floor +\| +\d/m)
})

for (const bench of [
  'many-peers',
  'crowd',
  'many-files',
  'many-torrents',
  'leaks',
  'startup',
  'serve',
  'reading',
  'pipes',
  'encryption',
  'links',
  'seek',
  'swarm',
])
  t.test(`bench/${bench}.js ends without an error and prints a table`, async t => {
    const { status, stdout, stderr } = small(bench)
    t.equal(status, 0, stderr)
    t.match(stdout, /^(small|.*left out)/m)
  })

t.test('an invalid size is rejected by name', async t => {
  const { status, stderr } = small('download', '--size', 'much')
  t.equal(status, 1)
  t.match(stderr, /--size much/)
})
