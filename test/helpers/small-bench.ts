import { spawnSync } from 'node:child_process'
import { inProject } from './project.ts'

/** Runs a bench in its small mode, which only shows that the bench works. */
export function runSmallBench(bench: string, ...args: string[]) {
  const path = inProject(`bench/${bench}.js`)
  return spawnSync(process.execPath, [path, '--small', ...args], { encoding: 'utf8', timeout: 150_000 })
}
