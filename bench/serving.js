// @ts-check
/** Measures seeds with many slow leechers, and compares tsdl with libtorrent. */
import { bar, printRows, ratio } from './report.js'
import { cpuOf, forgetPeak, peakOf, run } from './running.js'

const MiB = 1024 ** 2
/** A limit of the peak RSS of tsdl, in MiB. */
const MAX_RSS_MIB = 200

/** @typedef {{ cpu: number, rss: number, rate: number }} Cost of a core, bytes, bytes per second */

/**
 * Measures a seed for some seconds once all leechers are connected, and stops it.
 * @param {import('./running.js').Running} seed
 * @param {string[]} command of the leechers: see `slowLeechers`
 * @param {number} seconds
 * @returns {Promise<Cost>}
 */
export async function measureServing(seed, command, seconds) {
  forgetPeak(seed.pid)
  const leechers = run(command)
  await leechers.line(line => line === 'measuring')
  const before = cpuOf(seed.pid)
  const received = await leechers.line(line => line.startsWith('received '))
  const cost = {
    cpu: (cpuOf(seed.pid) - before) / seconds,
    rss: peakOf(seed.pid),
    rate: Number(received.split(' ')[1]) / seconds,
  }
  await leechers.ended
  await seed.stop()
  return cost
}

/**
 * Prints the costs of each seed, and checks the bars of tsdl.
 * @param {ReadonlyMap<string, readonly Cost[]>} costs
 * @param {string} load of the seed, as text
 * @param {boolean} small
 */
export function reportServing(costs, load, small) {
  const minimumCpu = (/** @type {string} */ name) => {
    const all = costs.get(name)
    return all && Math.min(...all.map(({ cpu }) => cpu))
  }
  printRows(
    ['', 'CPU of a core min', 'peak RSS MiB', 'MB/s max'],
    [...costs].map(([name, all]) => [
      name,
      `${(100 * Math.min(...all.map(({ cpu }) => cpu))).toFixed(0)} %`,
      (Math.max(...all.map(({ rss }) => rss)) / MiB).toFixed(0),
      (Math.max(...all.map(({ rate }) => rate)) / 1e6).toFixed(1),
    ]),
  )
  console.log()
  const cpu = ratio(minimumCpu('tsdl'), minimumCpu('libtorrent'))
  bar(`CPU of a seed with ${load}, tsdl / libtorrent`, cpu, 1, { small })
  const rss = Math.max(...(costs.get('tsdl') ?? []).map(cost => cost.rss))
  bar(`peak RSS of tsdl with ${load}`, rss / MiB, MAX_RSS_MIB, { small, unit: 'MiB' })
}
