/**
 * Runs the compiled tests, each file in a process of its own, several at a time: `tap scripts/run-tests.js`. Arguments are
 * path prefixes in `build/test`, such as `--test-arg=swarm/`; `--test-arg=--except=TEXT` leaves out paths with TEXT.
 *
 * The files start without the hooks with which tap's runner observes each module: these cost more time than most tests.
 */
import { readdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import t from 'tap'

const TESTS = 'build/test'
/** A simulated swarm takes seconds on a quiet machine, and a minute on a busy one. */
const FILE_TIMEOUT_SECONDS = 180

/** True for files of many seconds. They start first, so that no processor waits for the last of them. */
const isLong = name => /^(?:bench|types)\/|\/(?:simulated-|torrent-bombs|disk-faults)/.test(name)

const { values, positionals } = parseArgs({
  options: {
    except: { type: 'string', multiple: true, default: [] },
    jobs: { type: 'string', default: String(Math.max(2, availableParallelism())) },
  },
  allowPositionals: true,
})

const files = readdirSync(TESTS, { recursive: true, encoding: 'utf8' })
  .map(name => name.replaceAll('\\', '/'))
  .filter(name => name.endsWith('.test.js'))
  .filter(name => positionals.length === 0 || positionals.some(prefix => name.startsWith(prefix)))
  .filter(name => !values.except.some(text => name.includes(text)))
  .sort((a, b) => Number(isLong(b)) - Number(isLong(a)) || (a < b ? -1 : 1))
if (files.length === 0) throw new Error(`no test in ${TESTS} begins with ${positionals.join(' or ')}`)

t.setTimeout(0)
const env = { ...process.env, TAP_TIMEOUT: String(FILE_TIMEOUT_SECONDS) }
t.jobs = Number(values.jobs)
for (const file of files) {
  const command = [process.execPath, '--enable-source-maps', `${TESTS}/${file}`]
  // tap adds its hooks by NODE_OPTIONS to whatever it starts.
  const [program, ...args] = process.platform === 'win32' ? command : ['env', '-u', 'NODE_OPTIONS', ...command]
  t.spawn(program, args, { buffered: true, timeout: FILE_TIMEOUT_SECONDS * 1000, env }, file)
}
