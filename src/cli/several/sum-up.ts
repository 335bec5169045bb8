import type { Progress } from '../../index.ts'
import { EXIT_CODES } from '../exit.ts'
import type { SeveralTotals } from './several-reporter.ts'

/** The numbers of one source that are added up. */
interface Summand {
  readonly exit: number | undefined
  readonly progress: Progress | undefined
}

/** Adds the numbers of all sources. Those that ended have no rates and no peers. */
export function sumUp(runs: readonly Summand[]): SeveralTotals {
  const known = runs.flatMap(({ progress }) => (progress ? [progress] : []))
  const active = runs.flatMap(({ progress, exit }) => (progress && exit === undefined ? [progress] : []))
  const add = (
    from: readonly Progress[],
    name: 'verified' | 'total' | 'uploaded' | 'downSpeed' | 'upSpeed' | 'peers',
  ) => from.reduce((sum, progress) => sum + progress[name], 0)
  const complete = runs.filter(({ exit }) => exit === EXIT_CODES.ok).length
  const downSpeed = add(active, 'downSpeed')
  const remaining = add(active, 'total') - add(active, 'verified')
  return {
    torrents: runs.length,
    complete,
    failed: runs.filter(({ exit }) => exit !== undefined).length - complete,
    verified: add(known, 'verified'),
    total: add(known, 'total'),
    uploaded: add(known, 'uploaded'),
    downSpeed,
    upSpeed: add(active, 'upSpeed'),
    peers: add(active, 'peers'),
    eta: remaining > 0 && downSpeed > 0 ? remaining / downSpeed : null,
  }
}
