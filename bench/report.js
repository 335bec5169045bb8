// @ts-check
/** The output of the bench: costs as a table, and the bars. */

const GiB = 1024 ** 3
const MiB = 1024 ** 2

/** @typedef {import('./measure.js').Cost} Cost */
/** @typedef {Map<string, Cost[]>} Results */

/** @param {number[]} values */
const minimum = values => Math.min(...values)

/** @param {number[]} values */
export function median(values) {
  const sorted = values.toSorted((a, b) => a - b)
  const half = sorted.length >> 1
  return sorted.length % 2 ? Number(sorted[half]) : (Number(sorted[half - 1]) + Number(sorted[half])) / 2
}

/**
 * Returns the minimum of a cost of a contender, because noise only increases it.
 * @param {Results} results
 * @param {string} name
 * @param {keyof Cost} what
 */
export function minimumOf(results, name, what) {
  const costs = results.get(name)
  return costs?.length ? minimum(costs.map(cost => cost[what])) : undefined
}

/**
 * @param {Results} results
 * @param {number} bytes that each of them moved
 * @param {string[]} against the contenders by which the CPU time of the others is divided
 */
export function printTable(results, bytes, against) {
  const head = [
    '',
    'CPU s/GiB min',
    'median',
    'wall s min',
    'median',
    'peak RSS MiB',
    ...against.map(a => `CPU / ${a}`),
  ]
  const rows = [...results].map(([name, costs]) => {
    const cpu = costs.map(cost => (cost.cpu * GiB) / bytes)
    const wall = costs.map(cost => cost.wall)
    const ratios = against.map(other => {
      const base = minimumOf(results, other, 'cpu')
      return base ? ((minimum(cpu) * bytes) / GiB / base).toFixed(2) : '-'
    })
    const times = [minimum(cpu), median(cpu), minimum(wall), median(wall)].map(n => n.toFixed(2))
    // The maximum of all rounds, as memory must suffice for the worst case.
    return [name, ...times, (Math.max(...costs.map(cost => cost.rss)) / MiB).toFixed(0), ...ratios]
  })
  printRows(head, rows)
}

/**
 * @param {Map<string, number[]>} walls seconds of each run, by name
 */
export function printWalls(walls) {
  const rows = [...walls].map(([name, seconds]) => [
    name,
    minimum(seconds).toFixed(2),
    median(seconds).toFixed(2),
  ])
  printRows(['', 'wall s min', 'median'], rows)
}

/**
 * @param {string[]} head
 * @param {string[][]} rows
 */
export function printRows(head, rows) {
  const widths = head.map((_, i) => Math.max(...[head, ...rows].map(row => String(row[i]).length)))
  const line = (/** @type {string[]} */ row) =>
    `| ${row.map((cell, i) => (i ? cell.padStart(Number(widths[i])) : cell.padEnd(Number(widths[i])))).join(' | ')} |`
  console.log(
    [
      line(head),
      line(widths.map((w, i) => (i ? `${'-'.repeat(w - 1)}:` : '-'.repeat(w)))),
      ...rows.map(line),
    ].join('\n'),
  )
}

/**
 * Prints if `value` is within `limit`. If either is undefined, it could not be measured here. With `small` no bar is
 * checked, because the start of the process dominates the cost.
 * @param {string} what
 * @param {number | undefined} value
 * @param {number | undefined} limit
 * @param {{ strict?: boolean, small?: boolean, unit?: string }} [options]
 */
export function bar(what, value, limit, { strict = false, small = false, unit = '' } = {}) {
  if (value === undefined || limit === undefined) return console.log(`skip  ${what}: not measured`)
  const passed = strict ? value < limit : value <= limit
  const verdict = small ? 'small' : passed ? 'pass ' : 'FAIL '
  if (!passed && !small) process.exitCode = 1
  console.log(
    `${verdict} ${what}: ${value.toFixed(2)} ${strict ? '<' : '<='} ${limit.toFixed(2)}${unit && ` ${unit}`}`,
  )
}

/**
 * Returns a quotient, or undefined if a side of it is missing.
 * @param {number | undefined} a
 * @param {number | undefined} b
 */
export const ratio = (a, b) => (a === undefined || !b ? undefined : a / b)
