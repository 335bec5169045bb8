import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { Content } from './content.ts'
import type { Running } from './process.ts'

const BITFIELD_ID = 5
const READY_MS = 20_000

/** A TCP port without a listener. */
export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  if (!address || typeof address === 'string') throw new Error('not a TCP server')
  return address.port
}

/**
 * Waits until a seed answers for `content` and claims to have all of it. An open port does not show that the torrent
 * was added and its files were found.
 * @returns its address, HOST:PORT
 */
export async function ready(seed: Running, port: number, content: Content) {
  const deadline = Date.now() + READY_MS
  while (!(await hasEverything(port, content))) {
    const { exitCode, pid } = seed.child
    if (exitCode !== null || pid === undefined) throw new Error(`it ended: ${seed.output()}`)
    if (Date.now() > deadline) throw new Error(`it has not everything after ${READY_MS} ms: ${seed.output()}`)
    await delay(50)
  }
  return `127.0.0.1:${port}`
}

/**
 * Waits until a seed that answers no plaintext handshake listens.
 * @returns its address, HOST:PORT
 */
export async function listens(seed: Running, port: number) {
  const deadline = Date.now() + READY_MS
  for (;;) {
    const socket = connect(port, '127.0.0.1')
    const isListening = await once(socket, 'connect').then(
      () => true,
      () => false,
    )
    socket.destroy()
    if (isListening) return `127.0.0.1:${port}`
    if (seed.child.exitCode !== null || Date.now() > deadline)
      throw new Error(`no listener at ${port}: ${seed.output()}`)
    await delay(50)
  }
}

async function hasEverything(port: number, content: Content) {
  const socket = connect(port, '127.0.0.1')
  socket.setTimeout(1000, () => socket.destroy())
  // No reserved bit is set, so only a plain bitfield can follow.
  const hello = [
    Buffer.from('\x13BitTorrent protocol'),
    Buffer.alloc(8),
    content.infoHash,
    '-RD0001-000000000000',
  ]
  socket.write(Buffer.concat(hello.map(part => Buffer.from(part))))
  try {
    const bitfield = await firstBitfield(socket)
    return countBits(bitfield) === content.pieces
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

async function firstBitfield(socket: Socket) {
  let got = Buffer.alloc(0)
  for await (const chunk of socket) {
    got = Buffer.concat([got, chunk])
    for (let at = 68; got.length >= at + 5; at += 4 + got.readUInt32BE(at)) {
      const end = at + 4 + got.readUInt32BE(at)
      if (got[at + 4] === BITFIELD_ID && got.length >= end) return got.subarray(at + 5, end)
    }
  }
  return Buffer.alloc(0)
}

function countBits(bytes: Buffer) {
  let bits = 0
  for (const byte of bytes) for (let rest = byte; rest; rest &= rest - 1) bits++
  return bits
}
