/**
 * A transmission seed that is announced in a DHT of ours, and tsdl with only its magnet link and one node of that DHT.
 * Transmission accepts no node at 127.x, so this runs where 10.9.0.1 to 10.9.0.3 are addresses of this machine.
 *
 *     transmission-magnet.ts DIR        ends, printing a line of JSON, when all has come, or when stdin ends
 */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { encode } from '../../../src/codec/bencode.ts'
import { encodePeers4 } from '../../../src/codec/compact.ts'
import { Dht } from '../../../src/dht/dht.ts'
import { inProject } from '../project.ts'
import { oneFile } from './content.ts'
import { torrentName } from './transmission.ts'

const [dir = ''] = process.argv.slice(2)
const cli = inProject('dist/cli.js')
const NODE_COUNT = 30
const OUR_ADDRESS = '10.9.0.1'
const THEIR_ADDRESS = '10.9.0.2'
const OWN_ADDRESS = '10.9.0.3'
const CONTENT_BYTES = 1 << 20

const content = oneFile(dir, CONTENT_BYTES, 'public')
const { infoHash } = content
const nodes: Dht[] = []
for (let index = 0; index < NODE_COUNT; index++) {
  const first = nodes[0]?.port()
  const bootstrap = first ? [{ host: OUR_ADDRESS, port: first }] : []
  nodes.push(await new Dht({ bind: OUR_ADDRESS, bootstrap }).start())
}

mkdirSync(join(dir, 'torrents'))
writeFileSync(join(dir, 'torrents', 'content.torrent'), readFileSync(content.torrent))
// It gets saved nodes like those of an earlier run, because with only one node it takes a minute to find the others.
const known = encodePeers4(nodes.map(node => ({ host: OUR_ADDRESS, port: node.port()! })))
writeFileSync(join(dir, 'dht.dat'), encode({ id: Buffer.alloc(20, 'transmission'), nodes: known }))
const daemon = spawn(
  'transmission-daemon',
  [
    ...['--foreground', '--config-dir', dir, '--download-dir', dir, '--bind-address-ipv4', THEIR_ADDRESS],
    ...['--peerport', '51413', '--port', '9091', '--dht'],
    ...['--no-lpd', '--no-utp', '--no-portmap', '--no-watch-dir', '--no-incomplete-dir'],
  ],
  { stdio: 'ignore' },
)
process.stdin.on('end', () => process.exit(1)).resume()
process.on('exit', () => daemon.kill('SIGKILL'))

// It announces itself when it has verified its files.
let announced = false
while (!announced) {
  await nodes.at(-1)!.lookup(infoHash, { found: () => (announced = true) })
  await delay(100)
}

writeFileSync(join(dir, 'torrents', torrentName(content)), readFileSync(content.torrent))
const began = performance.now()
const args = [
  '--dht-node',
  `${OUR_ADDRESS}:${nodes[7]!.port()}`,
  '--no-lsd',
  '--bind',
  OWN_ADDRESS,
  '--json',
  '-o',
  '-',
]
const child = spawn(process.execPath, [cli, `magnet:?xt=urn:btih:${infoHash.toString('hex')}`, ...args], {
  stdio: ['ignore', 'pipe', 'pipe'],
  // without the nodes of an earlier run
  env: { ...process.env, XDG_STATE_HOME: dir },
})
const times: Record<string, number> = {}
const now = () => Math.round(performance.now() - began)
let output = ''
child.stderr.on('data', chunk => {
  output += chunk
  if (output.includes('"metadata"')) times.metadata ??= now()
})
const hash = createHash('sha1')
child.stdout.on('data', chunk => {
  times.first ??= now()
  hash.update(chunk)
})
child.on('close', code => {
  const right = hash.digest('hex') === content.files[0]!.sha1
  if (code !== 0) process.stdout.write(output)
  process.stdout.write(`${JSON.stringify({ ...times, code, right })}\n`)
  process.exit(0)
})
