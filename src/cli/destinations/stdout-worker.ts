import { fstatSync } from 'node:fs'
import { extname } from 'node:path'
import { isatty } from 'node:tty'
import { Worker } from 'node:worker_threads'
import { STDOUT } from '../stdout.ts'

/** Of the worker: it runs a few lines, and holds no chunk for long that is not shared. */
const WORKER_HEAP = { maxYoungGenerationSizeMb: 1, maxOldGenerationSizeMb: 16 }

let started: Worker | undefined

/** True when bytes without another destination go to standard output. @param output what `-o` was given */
export function goesToStdout(output: string | undefined): boolean {
  return output === '-' || (output === undefined && !isatty(STDOUT))
}

/** True when standard output is a pipe or a socket, which takes bytes at the pace of its reader. */
export function isPipe(): boolean {
  if (process.platform === 'win32') return false // a worker cannot wait for a pipe there
  const stdout = fstatSync(STDOUT)
  return stdout.isFIFO() || stdout.isSocket()
}

/**
 * Starts the worker that writes to standard output, if that is a pipe, ahead of its use: it needs 40 ms, in which the main
 * thread loads modules and connects to peers. It keeps no process alive.
 */
export function startStdoutWorker(): void {
  if (isPipe()) started ??= start()
}

/** The worker that was started ahead, or one that starts now; each is given once. */
export function takeStdoutWorker(): Worker {
  const worker = started ?? start()
  started = undefined
  return worker
}

function start(): Worker {
  const worker = new Worker(new URL(`./pipe-worker${extname(import.meta.url)}`, import.meta.url), {
    workerData: STDOUT,
    resourceLimits: WORKER_HEAP,
  })
  worker.unref()
  return worker
}
