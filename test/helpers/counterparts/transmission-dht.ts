/**
 * Transmission as a DHT node beside nodes of ours, in a network of its own: it takes no node at 127.x, so this runs
 * where 10.9.0.1 and 10.9.0.2 are addresses of this machine.
 *
 *     transmission-dht.ts DIR        ends, printing a line of JSON, when each has found the other, or when stdin ends
 */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { encode } from '../../../src/codec/bencode.ts'
import { encodePeers4, formatAddress } from '../../../src/codec/compact.ts'
import { Dht } from '../../../src/dht/dht.ts'

const [dir = ''] = process.argv.slice(2)
const OUR_ADDRESS = '10.9.0.1'
const THEIR_ADDRESS = '10.9.0.2'
const PEER_PORT = 51_413
const began = performance.now()

/** A torrent of one piece without a seed. */
function torrent(name: string) {
  const info = encode({ length: 16_384, name, 'piece length': 16_384, pieces: Buffer.alloc(20, name) })
  const infoHash = createHash('sha1').update(info).digest()
  return { infoHash, bytes: Buffer.concat([Buffer.from('d4:info'), info, Buffer.from('e')]) }
}

const shared = torrent('shared by transmission')
const nodes: Dht[] = []
for (let index = 0; index < 9; index++) {
  const first = nodes[0]?.port()
  const bootstrap = first ? [{ host: OUR_ADDRESS, port: first }] : []
  nodes.push(await new Dht({ bind: OUR_ADDRESS, bootstrap }).start())
}

mkdirSync(join(dir, 'torrents'))
writeFileSync(join(dir, 'torrents', 'shared.torrent'), shared.bytes)
// It gets saved nodes like those of an earlier run, because with only one node it takes a minute to find the others.
const known = encodePeers4(nodes.map(node => ({ host: OUR_ADDRESS, port: node.port()! })))
writeFileSync(join(dir, 'dht.dat'), encode({ id: Buffer.alloc(20, 'transmission'), nodes: known }))
const daemon = spawn(
  'transmission-daemon',
  [
    ...['--foreground', '--config-dir', dir, '--download-dir', dir, '--bind-address-ipv4', THEIR_ADDRESS],
    ...['--peerport', `${PEER_PORT}`, '--port', '9091', '--dht'],
    ...['--no-lpd', '--no-utp', '--no-portmap', '--no-watch-dir', '--no-incomplete-dir'],
  ],
  { stdio: 'ignore' },
)
process.stdin.on('end', () => process.exit(1)).resume()
process.on('exit', () => daemon.kill('SIGKILL'))

// A peer that dials here has found the address in the DHT.
let dialled = 0
const server = createServer(socket => {
  socket.on('error', () => {})
  socket.once('data', hello => {
    if (hello.includes(shared.infoHash) || hello.length >= 96) dialled ||= performance.now() - began
    socket.destroy()
  })
}).listen(0, OUR_ADDRESS)
await new Promise(resolve => server.once('listening', resolve))
const { port } = server.address() as { port: number }

let found = 0
const looker = nodes.at(-1)!
while (!found || !dialled) {
  await looker.lookup(shared.infoHash, {
    announce: { port },
    found: peers => {
      if (peers.some(peer => formatAddress(peer) === `${THEIR_ADDRESS}:${PEER_PORT}`))
        found ||= performance.now() - began
    },
  })
  await delay(500)
}
process.stdout.write(`${JSON.stringify({ found: Math.round(found), dialled: Math.round(dialled) })}\n`)
process.exit(0)
