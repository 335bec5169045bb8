/**
 * Runs the compiled tests in several processes at once: `tap scripts/run-tests.js`. Arguments are path prefixes in
 * `build/test`, such as `--test-arg=swarm/`; `--test-arg=--except=TEXT` leaves out paths with TEXT.
 *
 * The start of a process, and tap's own modules, cost more than most tests. So short files of a folder share a process, and
 * no process has the hooks with which tap's runner observes each module, nor those with which tap follows each promise, nor
 * reads source maps: the lines in a stack are those of `build`.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import t from 'tap'

const TESTS_DIRECTORY = 'build/test'
/** For a process that hangs. The longest takes half a minute on a quiet machine, and several minutes on a busy one. */
const PROCESS_TIMEOUT_SECONDS = 400
const MAX_FILES_OF_PROCESS = 12
/** Files of a process that wait for other programs: fewer, because other processes run meanwhile. */
const MAX_WAITING_FILES_OF_PROCESS = 6
/** Folders with fewer files share processes with each other. */
const MIN_FILES_OF_FOLDER = 5

/** True for files that take many seconds. They start first, so that no processor is idle at the end. */
const isLong = name => /^(?:abuse|bench|types)\/|\/(?:simulated-|disk-faults|killed)/.test(name)

/** True for files that mostly wait for other programs. */
const isWaiting = name => /^cli\//.test(name)
/** Processes that start for each process that waits. */
const PROCESSES_PER_WAITING = 4

/** True for files that need a separate process: they measure it, or have hooks for all tests of a process. */
function isAlone(name) {
  if (isLong(name) || /^(?:docs|interop)\//.test(name)) return true
  return /^t\.(?:beforeEach|afterEach|jobs)\b|process\.memoryUsage/m.test(readFileSync(`${TESTS_DIRECTORY}/${name}`, 'utf8'))
}

/** Groups file names by the first part of their path, and those of small folders as `others`. */
function groupByFolder(names) {
  const folders = new Map()
  for (const name of names) {
    const folder = name.split('/')[0]
    folders.set(folder, [...(folders.get(folder) ?? []), name])
  }
  const small = [...folders].filter(([, files]) => files.length < MIN_FILES_OF_FOLDER)
  for (const [folder] of small) folders.delete(folder)
  if (small.length > 0) folders.set('others', small.flatMap(([, files]) => files))
  return folders
}

/**
 * Groups file names by process, the longest first. Files that wait are spread among them, so that processors are busy.
 */
function groupByProcess(names) {
  const groups = names.filter(isAlone).map(name => ({ title: name, names: [name] }))
  for (const [folder, files] of groupByFolder(names.filter(name => !isAlone(name)))) {
    const processes = Math.ceil(files.length / (isWaiting(files[0]) ? MAX_WAITING_FILES_OF_PROCESS : MAX_FILES_OF_PROCESS))
    for (let index = 0; index < processes; index++) {
      // Every n-th file, because neighbours are often similar and equally long.
      const title = processes > 1 ? `${folder} ${index + 1}` : folder
      groups.push({ title, names: files.filter((_, nth) => nth % processes === index) })
    }
  }
  const waiting = groups.filter(({ names }) => isWaiting(names[0]))
  const busy = groups.filter(({ names }) => !isWaiting(names[0]))
  busy.sort((a, b) => Number(isLong(b.names[0])) - Number(isLong(a.names[0])))
  return busy
    .flatMap((group, at) => [...(at % PROCESSES_PER_WAITING === 0 ? waiting.splice(0, 1) : []), group])
    .concat(waiting)
}

const { values, positionals } = parseArgs({
  options: {
    except: { type: 'string', multiple: true, default: [] },
    // One more than processors, as some tests wait for other programs.
    jobs: { type: 'string', default: String(availableParallelism() + 1) },
  },
  allowPositionals: true,
})

const names = readdirSync(TESTS_DIRECTORY, { recursive: true, encoding: 'utf8' })
  .map(name => name.replaceAll('\\', '/'))
  .filter(name => name.endsWith('.test.js'))
  .filter(name => positionals.length === 0 || positionals.some(prefix => name.startsWith(prefix)))
  .filter(name => !values.except.some(text => name.includes(text)))
  .sort()
if (names.length === 0) throw new Error(`no test in ${TESTS_DIRECTORY} begins with ${positionals.join(' or ')}`)

t.setTimeout(0)
t.jobs = Number(values.jobs)
for (const { title, names: files } of groupByProcess(names)) {
  const paths = files.map(name => `${TESTS_DIRECTORY}/${name}`)
  const env = { ...process.env, TAP_TIMEOUT: String(PROCESS_TIMEOUT_SECONDS), TEST_FILES: paths.join('\n') }
  const script = paths.length > 1 ? ['scripts/run-test-files.js', title.replace(' ', '-')] : paths
  // tap adds its hooks with NODE_OPTIONS to each process that it starts.
  const command = [process.execPath, '--import=./scripts/without-async-hooks.js', ...script]
  const [program, ...args] = process.platform === 'win32' ? command : ['env', '-u', 'NODE_OPTIONS', ...command]
  t.spawn(program, args, { buffered: true, timeout: PROCESS_TIMEOUT_SECONDS * 1000, env }, title)
}
