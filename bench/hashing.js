// @ts-check
/**
 * Measures `create` and `verify` of one file, and mktorrent with all cores. They take turns; the minima of the rounds
 * are compared.
 *
 *     node bench/hashing.js [--size 1G] [--rounds 5] [--small]
 */
import { rmSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { makeData, makeScratch } from './data.js'
import { measure } from './measure.js'
import { benchOptions } from './options.js'
import { hasMktorrent, hasTsdl, tsdl } from './programs.js'
import { bar, minimumOf, printTable, ratio } from './report.js'

const { rounds, size, small } = benchOptions()
if (!hasTsdl || !hasMktorrent) {
  console.log(`hashing: left out, ${hasTsdl ? 'mktorrent is not installed' : 'tsdl is not built'}`)
  process.exit()
}
const data = makeData(makeScratch(size), size)
const made = join(data.dir, 'made.torrent')
/** @type {Record<string, string[]>} */
const commands = {
  mktorrent: ['mktorrent', '-t', String(availableParallelism()), '-l', '20', '-o', made, data.file],
  create: [...tsdl, 'create', data.file, '--piece-length', '1M', '-q', '-o', made],
  verify: [...tsdl, 'verify', data.torrent, data.dir, '-q'],
}
/** @type {import('./report.js').Results} */
const results = new Map(Object.keys(commands).map(name => [name, []]))
for (let round = 0; round < rounds; round++) {
  for (const [name, command] of Object.entries(commands)) {
    rmSync(made, { force: true })
    results.get(name)?.push(await measure(command))
  }
}

console.log(`${size} bytes, ${rounds} rounds, Node ${process.version}\n`)
printTable(results, size, ['mktorrent'])
console.log()
const wall = (/** @type {string} */ name) => minimumOf(results, name, 'wall')
bar('wall, create / mktorrent', ratio(wall('create'), wall('mktorrent')), 1.1, { small })
bar('wall, verify / mktorrent', ratio(wall('verify'), wall('mktorrent')), 1.1, { small })
