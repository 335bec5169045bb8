// @ts-check
/**
 * Measures the cost of a peer: the same data from a hundred peers at once, and from one. All peers are one program.
 *
 *     node bench/many-peers.js [--size 1GiB] [--rounds 5] [--peers 100] [--small]
 */
import { mkdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { makeData, makeScratch } from './data.js'
import { measure, serve } from './measure.js'
import { benchOptions } from './options.js'
import { hasTsdl, ownSeed, tsdlGet } from './programs.js'
import { bar, minimumOf, printTable, ratio } from './report.js'

const { size, rounds, peers, small } = benchOptions()
if (!hasTsdl) {
  console.log('many-peers: left out, tsdl is not built: npm run build')
  process.exit()
}
const scratch = makeScratch(2 * size)
const data = makeData(scratch, size)
const out = join(scratch, 'out')
const seed = await serve(ownSeed(data, peers))
const addresses = /** @type {string[]} */ (JSON.parse(seed.line))
const cases = { 'one peer': addresses.slice(0, 1), [`${peers} peers`]: addresses }

/** @type {import('./report.js').Results} */
const results = new Map(Object.keys(cases).map(name => [name, []]))
try {
  for (let round = small ? 1 : 0; round <= rounds; round++)
    for (const [name, from] of Object.entries(cases)) {
      rmSync(out, { recursive: true, force: true })
      mkdirSync(out)
      const cost = await measure(tsdlGet(data.torrent, from, out))
      if (statSync(join(out, data.name)).size !== size) throw new Error(`${name}: wrote the wrong size`)
      if (round) results.get(name)?.push(cost)
    }
} finally {
  seed.stop()
}

console.log(
  `${size} bytes, ${rounds} rounds, seed: our own with ${peers} listeners, Node ${process.version}\n`,
)
printTable(results, size, ['one peer'])
console.log()
const cpu = ratio(minimumOf(results, `${peers} peers`, 'cpu'), minimumOf(results, 'one peer', 'cpu'))
bar(`CPU from ${peers} peers / from one`, cpu, 1.3, { small })
