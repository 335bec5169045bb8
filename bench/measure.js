// @ts-check
/** Runs a program and measures the cost of the whole process. */
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { buffer } from 'node:stream/consumers'

/**
 * @typedef {object} Cost
 * @property {number} cpu seconds, user and system, of the process and the children it waited for
 * @property {number} wall seconds
 * @property {number} rss peak resident bytes
 */

// The inner shell prints its pid, which exec keeps, so that its memory can be read. The reader of the program's output
// belongs to the outer shell, and ends after `time` has counted. (The braces are needed: bash runs a bare `time ( )`
// inside the subshell, where exec would discard it.)
const WRAPPER_SCRIPT = `
TIMEFORMAT='%3R %3U %3S'
case $TO in
  '') exec 5>/dev/null ;;
  '|') exec 5> >(exec cat >/dev/null) ;;
  *) exec 5>"$TO" ;;
esac
exec 4>&2 2>&3
time { (echo $BASHPID >&3; exec "$@" >&5 2>&4 3>&- 4>&- 5>&-); }
`

/** A run that takes ten minutes counts as hanging. */
const TIME_LIMIT = 600_000

/**
 * Runs `command` to its end. Rejects with its output when it fails.
 * @param {string[]} command
 * @param {object} [options]
 * @param {string} [options.to] its standard output: a file, or '|' for a pipe that is read
 * @param {Record<string, string>} [options.env] additional variables of its environment
 * @returns {Promise<Cost>}
 */
export async function measure(command, { to = '', env = {} } = {}) {
  const shell = spawn('bash', ['-c', WRAPPER_SCRIPT, 'measure', ...command], {
    env: { ...process.env, ...env, TO: to },
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    // A separate process group, so that all of its processes can be killed.
    detached: true,
  })
  const end = () => shell.pid && process.kill(-shell.pid, 'SIGKILL')
  process.once('exit', end)
  const limit = setTimeout(end, TIME_LIMIT)
  const report = /** @type {import('node:stream').Readable} */ (shell.stdio[3])
  const complaint = buffer(/** @type {import('node:stream').Readable} */ (shell.stderr))
  let output = ''
  let peak = 0
  /** @type {NodeJS.Timeout | undefined} */
  let poll
  report.on('data', chunk => {
    output += chunk
    // A peak only rises, so reading it at intervals misses only the last moment.
    poll ??= setInterval(() => (peak = Math.max(peak, peakOf(Number.parseInt(output, 10)))), 20)
  })
  const code = await new Promise((resolve, reject) => shell.on('error', reject).on('close', resolve))
  process.off('exit', end)
  clearTimeout(limit)
  clearInterval(poll)
  if (code !== 0)
    throw new Error(`${command.join(' ')}\nexit ${code}: ${(await complaint).toString().trim()}`)
  const [, wall = 0, user = 0, system = 0] = output.trim().split(/\s+/).map(Number)
  return { cpu: user + system, wall, rss: peak }
}

/**
 * Returns the peak of a process's resident memory in bytes; 0 if it has ended, or is still the shell.
 * @param {number} pid
 */
function peakOf(pid) {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    return status.startsWith('Name:\tbash') ? 0 : Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1024
  } catch {
    return 0
  }
}

/**
 * Starts a program that serves until its standard input ends, and waits for its first line.
 * @param {string[]} command
 */
export async function serve([program = '', ...args]) {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  const line = await new Promise((resolve, reject) => {
    let output = ''
    child.stdout.on('data', chunk => {
      output += chunk
      if (output.includes('\n')) resolve(output.slice(0, output.indexOf('\n')))
    })
    child.on('error', reject)
    child.on('exit', code => reject(new Error(`${program} ${args[0]} ended at once: exit ${code}`)))
  })
  return {
    line: /** @type {string} */ (line),
    /** Writes a line to the standard input of the program. */
    tell: (/** @type {string} */ text) => child.stdin.write(`${text}\n`),
    stop: () => child.kill('SIGKILL'),
  }
}
