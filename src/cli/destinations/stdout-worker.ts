import { fstatSync } from 'node:fs'
import { extname } from 'node:path'
import { isatty } from 'node:tty'
import { Worker } from 'node:worker_threads'
import { STDOUT_FD } from '../stdout.ts'

/** Heap limits of the worker, which keeps no data of its own. */
const WORKER_LIMITS = { maxYoungGenerationSizeMb: 1, maxOldGenerationSizeMb: 16 }

let prestarted: Worker | undefined

/** True if the content goes to standard output. @param output the value of `-o` */
export function goesToStdout(output: string | undefined): boolean {
  return output === '-' || (output === undefined && !isatty(STDOUT_FD))
}

/** True if standard output is a regular file. */
export function isRegularFile(): boolean {
  return fstatSync(STDOUT_FD).isFile()
}

/** True if standard output is a pipe or a socket, which accepts bytes at the pace of its reader. */
export function isPipe(): boolean {
  if (process.platform === 'win32') return false // a worker cannot wait for a pipe there
  const stdout = fstatSync(STDOUT_FD)
  return stdout.isFIFO() || stdout.isSocket()
}

/**
 * Starts the worker that writes to standard output if that is a pipe. It starts early because it needs 40 ms, in which the
 * main thread loads modules and connects to peers. It does not keep the process running.
 */
export function startStdoutWorker(): void {
  if (isPipe()) prestarted ??= startWorker()
}

/** Returns the worker that was started early, or a new one. Each worker is returned once. */
export function takeStdoutWorker(): Worker {
  const worker = prestarted ?? startWorker()
  prestarted = undefined
  return worker
}

function startWorker(): Worker {
  const worker = new Worker(new URL(`./pipe-worker${extname(import.meta.url)}`, import.meta.url), {
    workerData: STDOUT_FD,
    resourceLimits: WORKER_LIMITS,
  })
  worker.unref()
  return worker
}
