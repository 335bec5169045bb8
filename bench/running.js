// @ts-check
/** Programs that run beside the bench: their output, their cost, and their end. */
import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'

/** Ticks per second of the kernel's clock for CPU time, which are the same on every Linux that Node supports. */
const TICKS_A_SECOND = 100

/** @type {Set<import('node:child_process').ChildProcess>} */
const alive = new Set()
process.once('exit', () => {
  for (const child of alive) child.kill('SIGKILL')
})

/**
 * @typedef {object} Running
 * @property {number} pid
 * @property {(match: (line: string) => boolean) => Promise<string>} line resolves with the first line of either output
 *   that matches; rejects if the program ends before
 * @property {() => string[]} lines all lines so far
 * @property {(text: string) => unknown} write writes to its standard input
 * @property {Promise<number | null>} ended its exit code
 * @property {(signal?: NodeJS.Signals) => Promise<unknown>} stop sends a signal; resolves when the program has ended
 */

/**
 * Starts `command`. It is killed when the bench ends in any way.
 * @param {string[]} command
 * @returns {Running}
 */
export function run(command) {
  const [program = '', ...args] = command
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] })
  alive.add(child)
  /** @type {string[]} */
  const lines = []
  /** @type {Set<() => void>} */
  const waiting = new Set()
  const wake = () => {
    for (const look of waiting) look()
  }
  for (const stream of [child.stdout, child.stderr]) {
    let partial = ''
    stream.on('data', chunk => {
      const completeLines = `${partial}${chunk}`.split('\n')
      partial = completeLines.pop() ?? ''
      lines.push(...completeLines)
      wake()
    })
  }
  let hasEnded = false
  /** @type {Promise<number | null>} */
  const ended = new Promise(resolve => {
    const end = (/** @type {number | null} */ code) => {
      hasEnded = true
      alive.delete(child)
      resolve(code)
      wake()
    }
    child.on('error', error => {
      lines.push(error.message)
      end(-1)
    })
    child.on('close', end)
  })
  return {
    pid: child.pid ?? 0,
    lines: () => lines,
    ended,
    write: text => child.stdin.write(text),
    line: match =>
      new Promise((resolve, reject) => {
        const look = () => {
          const found = lines.find(match)
          if (found === undefined && !hasEnded) return
          waiting.delete(look)
          if (found !== undefined) resolve(found)
          else reject(new Error(`${command.join(' ')}\nended early: ${lines.slice(-5).join('\n')}`))
        }
        waiting.add(look)
        look()
      }),
    stop(signal = 'SIGKILL') {
      if (!hasEnded) child.kill(signal)
      return ended
    },
  }
}

/**
 * Returns the CPU seconds, user and system, of a process since its start.
 * @param {number} pid
 */
export function cpuOf(pid) {
  // The name in parentheses may contain any character; the fields begin after the last parenthesis.
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1')
    .replace(/^.*\) /s, '')
    .split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND
}

/**
 * Returns the peak of a process's resident memory in bytes, since its start or since `forgetPeak`.
 * @param {number} pid
 */
export function peakOf(pid) {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]) * 1024
}

/** Resets the peak to the current resident memory. @param {number} pid */
export const forgetPeak = pid => writeFileSync(`/proc/${pid}/clear_refs`, '5')
