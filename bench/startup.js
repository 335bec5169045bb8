// @ts-check
/**
 * Measures the start: from the first unchoke to the first request with a torrent of 100,000 pieces, from the start of
 * the program to the first request with as many files, and a run of `--version`, which mostly imports modules.
 *
 *     node bench/startup.js [--rounds 5] [--small]
 */
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { makeScratch, makeTorrent } from './data.js'
import { benchOptions } from './options.js'
import { hasTsdl, node, tsdl, tsdlGet } from './programs.js'
import { bar, ratio } from './report.js'
import { BLOCK_LENGTH, bare, fullBitfield, handshake, splitter } from './wire.js'

const { rounds, small } = benchOptions()
if (!hasTsdl) {
  console.log('startup: left out, tsdl is not built: npm run build')
  process.exit()
}

const pieces = small ? 1000 : 100_000
const scratch = makeScratch(0)
// No block is ever sent, so the hashes may be arbitrary.
const hash = createHash('sha1').update(Buffer.alloc(BLOCK_LENGTH)).digest()
const hashes = Buffer.alloc(20 * pieces, hash)
const { torrent, infoHash } = makeTorrent(
  join(scratch, 'many.torrent'),
  'many',
  pieces * BLOCK_LENGTH,
  BLOCK_LENGTH,
  hashes,
)

const starts = []
const startsOfFiles = []
const many = makeManyFiles()
for (let round = 0; round < rounds; round++) {
  starts.push(await firstRequest({ torrent, infoHash }, `one-${round}`))
  startsOfFiles.push(await firstRequest(many, `many-${round}`))
}
const fromUnchoke = Math.min(...starts.map(start => start.fromUnchoke))
const fromSpawn = Math.min(...starts.map(start => start.fromSpawn))
const fromSpawnOfFiles = Math.min(...startsOfFiles.map(start => start.fromSpawn))

const runs = small ? 1 : 10
const versions = []
const nothings = []
for (let run = 0; run < runs; run++) {
  versions.push(timed([...tsdl, '--version']))
  nothings.push(timed([node, '-e', '0']))
}
const version = Math.min(...versions)
const nothing = Math.min(...nothings)

console.log(`${pieces} pieces, ${rounds} rounds, Node ${process.version}; minima\n`)
console.log(
  `first request after unchoke ${fromUnchoke.toFixed(3)} s, after the program's start ${fromSpawn.toFixed(3)} s`,
)
console.log(`the same with ${pieces} files ${fromSpawnOfFiles.toFixed(3)} s`)
console.log(`tsdl --version ${version.toFixed(3)} s, node -e 0 ${nothing.toFixed(3)} s\n`)
bar(`first unchoke to first request, ${pieces} pieces`, fromUnchoke, 1, { small, unit: 's' })
bar(`start to first request, ${pieces} pieces and files`, fromSpawnOfFiles, 1.5, { small, unit: 's' })
bar('wall of tsdl --version / node -e 0', ratio(version, nothing), 2, { small })

/** Writes a private torrent with a file for each piece, in a hundred directories. */
function makeManyFiles() {
  const files = Array.from({ length: pieces }, (_, index) => {
    const [directory, name] = [`d${index % 100}`, `file-${index}.bin`]
    return `d6:lengthi${BLOCK_LENGTH}e4:pathl${directory.length}:${directory}${name.length}:${name}ee`
  })
  const before = `d5:filesl${files.join('')}e4:name4:many12:piece lengthi${BLOCK_LENGTH}e6:pieces${hashes.length}:`
  const info = Buffer.concat([Buffer.from(before), hashes, Buffer.from('7:privatei1ee')])
  const path = join(scratch, 'many-files.torrent')
  writeFileSync(path, Buffer.concat([Buffer.from('d4:info'), info, Buffer.from('e')]))
  return { torrent: path, infoHash: createHash('sha1').update(info).digest() }
}

/**
 * Starts tsdl with a peer that has everything and unchokes at once. The first request ends the client.
 * @param {{ torrent: string, infoHash: Buffer }} made
 * @param {string} name of the output directory
 * @returns {Promise<{ fromUnchoke: number, fromSpawn: number }>} seconds
 */
async function firstRequest({ torrent, infoHash }, name) {
  const out = join(scratch, `out-${name}`)
  mkdirSync(out)
  const server = createServer()
  await new Promise(resolve => server.listen(0, '127.0.0.1', () => resolve(undefined)))
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
  const spawned = performance.now()
  const [program = '', ...args] = tsdlGet(torrent, [`127.0.0.1:${port}`], out)
  const client = spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit'] })
  try {
    return await new Promise((resolve, reject) => {
      client.on('error', reject)
      client.on('exit', code => reject(new Error(`tsdl ended before it asked for anything: exit ${code}`)))
      server.on('connection', socket => {
        let unchoked = 0
        const greet = () => {
          socket.write(
            Buffer.concat([handshake(infoHash, '-BS0001-000000000000'), fullBitfield(pieces), bare(1)]),
          )
          unchoked = performance.now()
        }
        const onMessage = (/** @type {number} */ id) => {
          if (id !== 6) return
          const now = performance.now()
          resolve({ fromUnchoke: (now - unchoked) / 1000, fromSpawn: (now - spawned) / 1000 })
        }
        socket.on('data', splitter(greet, onMessage)).on('error', () => socket.destroy())
      })
    })
  } finally {
    client.removeAllListeners('exit').kill('SIGKILL')
    server.close()
  }
}

/** @param {string[]} command */
function timed([program = '', ...args]) {
  const start = performance.now()
  const { status } = spawnSync(program, args)
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: exit ${status}`)
  return (performance.now() - start) / 1000
}
