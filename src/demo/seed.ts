import { randomBytes } from 'node:crypto'
import net from 'node:net'
import { Bitfield } from '../codec/bitfield.ts'
import type { PeerAddress } from '../codec/compact.ts'
import { makePeerId } from '../codec/peer-id.ts'
import type { Metainfo } from '../metainfo/metainfo.ts'
import { Framer } from '../streams/framer.ts'
import { PeerSocket } from '../streams/peer-socket.ts'
import { Responder } from '../streams/responder.ts'
import { Serializer } from '../streams/serializer.ts'
import { VERSION } from '../version.ts'
import type { Content } from './content.ts'

/** A peer on loopback that has everything, made of the same stages as the download. */
export class Seed {
  readonly #server: net.Server
  readonly #sockets = new Set<PeerSocket>()

  constructor(metainfo: Metainfo, content: Content) {
    this.#server = net.createServer(socket => this.#serve(new PeerSocket(socket), metainfo, content))
  }

  /** Resolves with where it listens. */
  listen(): Promise<PeerAddress> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(0, '127.0.0.1', () => {
        const { address, port } = this.#server.address() as net.AddressInfo
        resolve({ host: address, port })
      })
    })
  }

  close(): void {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
  }

  #serve(
    socket: PeerSocket,
    { infoHash, length, pieceCount, pieceLength }: Metainfo,
    content: Content,
  ): void {
    const framer = new Framer()
    const responder = new Responder({
      pieceLength,
      length,
      read: ({ index, begin, length }) => content.piece(index).subarray(begin, begin + length),
    })
    const serializer = new Serializer()
    const all = new Bitfield(pieceCount)
    for (let index = 0; index < pieceCount; index++) all.add(index)
    this.#sockets.add(socket)
    for (const stage of [socket, framer, responder, serializer]) {
      stage.on('error', () => {})
      stage.on('close', () => {
        this.#sockets.delete(socket)
        socket.destroy()
      })
    }
    serializer.write({
      type: 'handshake',
      infoHash,
      peerId: makePeerId(VERSION, randomBytes(12)),
      reserved: new Uint8Array(8),
    })
    serializer.write({ type: 'bitfield', bytes: all.bytes })
    socket.pipe(framer).pipe(responder).pipe(serializer).pipe(socket)
  }
}
