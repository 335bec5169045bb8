import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'

/** A program that was started for a test, and its output. */
export interface Running {
  readonly child: ChildProcess
  output(): string
}

// The kernel ends the program when the test is killed, which no handler in the test could do.
const leash = spawnSync('setpriv', ['--version']).status === 0 ? ['setpriv', '--pdeathsig', 'KILL'] : []

/** Starts a program that is killed at the teardown of `t`, also if the test failed. */
export function startProgram(t: Test, command: readonly string[]): Running {
  const [program = '', ...args] = [...leash, ...command]
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => (output += chunk))
  child.on('error', error => (output += error.message))
  t.teardown(async () => {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await exited
  })
  return { child, output: () => output }
}

/** Creates a folder that is removed at the end of `t`. */
export function scratch(t: Test) {
  const dir = mkdtempSync(join(tmpdir(), 'tsdl-interop-'))
  // Teardowns run in reverse order, so this one runs after a program in the folder was stopped.
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

/**
 * Returns the reason to skip a test if `command` is missing, or false. With CI set the test always runs, because a
 * missing program would otherwise look like a passed test.
 */
export function without(program: string, ...args: string[]): string | false {
  if (process.env.CI) return false
  return spawnSync(program, args).status === 0 ? false : `${program} ${args.join(' ')} does not run here`
}
