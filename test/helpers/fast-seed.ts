/** A seed of zeros in a separate thread, as fast as possible, which takes no time of the main thread. */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { encode } from '../../src/codec/bencode.ts'
import type { Metainfo } from '../../src/metainfo/metainfo.ts'

const CHILD_SCRIPT = `
  const net = require('node:net')
  const { parentPort, workerData: { infoHash, pieceCount } } = require('node:worker_threads')
  const bits = Buffer.alloc(Math.ceil(pieceCount / 8), 0xff)
  const head = Buffer.alloc(5)
  head.writeUInt32BE(1 + bits.length)
  head[4] = 5
  const peerId = Buffer.from('-SC0001-zeros-zeros-')
  const greeting = Buffer.concat([Buffer.from('\\x13BitTorrent protocol'), Buffer.alloc(8), infoHash, peerId, head, bits])
  const unchoke = Buffer.from([0, 0, 0, 1, 1])
  const zeros = Buffer.alloc(16384)
  const server = net.createServer(socket => {
    let rest = Buffer.alloc(0)
    let shaken = false
    socket.on('error', () => {})
    socket.on('data', chunk => {
      let bytes = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk
      if (!shaken && bytes.length >= 68) {
        shaken = true
        socket.write(greeting)
        bytes = bytes.subarray(68)
      }
      let at = 0
      socket.cork()
      while (shaken && bytes.length - at >= 4) {
        const length = bytes.readUInt32BE(at)
        if (bytes.length - at - 4 < length) break
        const id = length > 0 ? bytes[at + 4] : -1
        if (id === 2) socket.write(unchoke)
        if (id === 6) {
          const head = Buffer.alloc(13)
          head.writeUInt32BE(9 + bytes.readUInt32BE(at + 13))
          head[4] = 7
          bytes.copy(head, 5, at + 5, at + 13)
          socket.write(head)
          socket.write(zeros)
        }
        at += 4 + length
      }
      socket.uncork()
      rest = Buffer.from(bytes.subarray(at))
    })
  })
  server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port))
`

export interface FastSeed {
  readonly address: { readonly host: string; readonly port: number }
  readonly metainfo: Metainfo
  close(): Promise<void>
}

/** Starts a seed of one file of whole pieces. */
export async function startFastSeed(pieceCount: number, pieceLength = 262_144): Promise<FastSeed> {
  const hash = createHash('sha1').update(Buffer.alloc(pieceLength)).digest()
  const hashes = Buffer.concat(Array<Buffer>(pieceCount).fill(hash))
  const length = pieceCount * pieceLength
  const info = encode({ length, name: 'zeros', 'piece length': pieceLength, pieces: hashes })
  const infoHash = createHash('sha1').update(info).digest()
  const file = { path: 'zeros', length, offset: 0, pad: false, executable: false, hidden: false }
  const metainfo: Metainfo = {
    format: 'v1',
    infoHash,
    info,
    name: 'zeros',
    length,
    pieceLength,
    pieceCount,
    hashes,
    files: [file],
    multiFile: false,
    private: false,
    trackers: [],
    webSeeds: [],
    warnings: [],
  }
  const worker = new Worker(CHILD_SCRIPT, { eval: true, workerData: { infoHash, pieceCount } })
  const [port] = await once(worker, 'message')
  return {
    address: { host: '127.0.0.1', port },
    metainfo,
    close: async () => {
      await worker.terminate()
    },
  }
}
