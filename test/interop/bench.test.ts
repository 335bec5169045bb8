import { readFileSync } from 'node:fs'
import t from 'tap'
import { inProject } from '../helpers/project.ts'
import { runSmallBench } from '../helpers/small-bench.ts'

/** The benches that `test/bench` runs. */
const TESTED_ELSEWHERE = ['download', 'pipes', 'seek']

const listed = readFileSync(inProject('bench/all.js'), 'utf8').matchAll(/\['([\w-]+)\.js'/g)
const benches = [...new Set([...listed].map(([, name]) => name!))].filter(
  name => !TESTED_ELSEWHERE.includes(name),
)
t.ok(benches.length > 10, 'bench/all.js lists the benches')

for (const bench of benches)
  t.test(`bench/${bench}.js ends without an error and prints a table`, async t => {
    const { status, stdout, stderr } = runSmallBench(bench)
    t.equal(status, 0, stderr)
    t.match(stdout, /^(small|.*left out)/m)
  })
