// @ts-check
/**
 * Measures the cost of encryption: a download from libtorrent, plain, with RC4 for all bytes, and with plaintext after
 * an encrypted handshake; and the same with libtorrent as the leecher, plain and with RC4.
 *
 *     node bench/encryption.js [--size 1GiB] [--rounds 5] [--small]
 */
import { mkdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { makeData, makeScratch } from './data.js'
import { measure, serve } from './measure.js'
import { benchOptions } from './options.js'
import { hasLibtorrent, hasTsdl, libtorrent, tsdlGet } from './programs.js'
import { bar, minimumOf, printTable, ratio } from './report.js'

const { size, rounds, small } = benchOptions()
if (!hasTsdl || !hasLibtorrent) {
  console.log('encryption: left out, it takes a built tsdl and python3-libtorrent')
  process.exit()
}
const scratch = makeScratch(2 * size)
const data = makeData(scratch, size)
const out = join(scratch, 'out')

/** A contender, and the encryption option of its seed. */
const all = /** @type {const} */ ([
  ['plain', 'tsdl', []],
  ['RC4', 'tsdl', ['require-rc4']],
  ['plaintext', 'tsdl', ['require-plaintext']],
  ['libtorrent, plain', 'libtorrent', []],
  ['libtorrent, RC4', 'libtorrent', ['require-rc4']],
])

/** @type {import('./report.js').Results} */
const results = new Map(all.map(([name]) => [name, []]))
for (let round = small ? 1 : 0; round <= rounds; round++)
  for (const [name, program, policy] of all) {
    const seed = await serve([...libtorrent, 'seed', data.torrent, data.dir, ...policy])
    const peer = `127.0.0.1:${seed.line}`
    rmSync(out, { recursive: true, force: true })
    mkdirSync(out)
    try {
      const own = [
        ...tsdlGet(data.torrent, [peer], out),
        '--encryption',
        policy.length > 0 ? 'prefer' : 'off',
      ]
      const other = [...libtorrent, 'leech', data.torrent, out, peer, ...policy]
      const cost = await measure(program === 'tsdl' ? own : other)
      if (statSync(join(out, data.name)).size !== size) throw new Error(`${name}: the wrong size`)
      if (round) results.get(name)?.push(cost)
    } finally {
      seed.stop()
    }
  }

console.log(`${size} bytes, ${rounds} rounds, seed: libtorrent, Node ${process.version}\n`)
printTable(results, size, ['plain'])
console.log()
/** @param {string} name */
const cpu = name => minimumOf(results, name, 'cpu')
const added = ((cpu('RC4') ?? 0) - (cpu('plain') ?? 0)) * (2 ** 30 / size)
bar('CPU that RC4 adds', added, 3.2, { small, unit: 's/GiB' })
bar('CPU with plaintext / plain', ratio(cpu('plaintext'), cpu('plain')), 1.05, { small })
