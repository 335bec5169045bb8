import t from 'tap'
import { runSmallBench } from '../helpers/small-bench.ts'

// The other benches take longer, and most start other clients: test/interop/bench.test.ts.

t.test('bench/download.js measures every installed client, checks the bytes, and prints a table', async t => {
  const { status, stdout, stderr } = runSmallBench('download')
  t.equal(status, 0, stderr)
  t.match(stdout, /^\| floor +\| +\d/m)
})

for (const bench of ['pipes', 'seek'])
  t.test(`bench/${bench}.js ends without an error and prints a table`, async t => {
    const { status, stdout, stderr } = runSmallBench(bench)
    t.equal(status, 0, stderr)
    t.match(stdout, /^(small|.*left out)/m)
  })

t.test('an invalid size is rejected by name', async t => {
  const { status, stderr } = runSmallBench('download', '--size', 'much')
  t.equal(status, 1)
  t.match(stderr, /--size much/)
})
