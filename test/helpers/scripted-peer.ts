/** A scripted peer on loopback. It follows its script, and records the messages that it receives. */

import { once } from 'node:events'
import net from 'node:net'
import { Bitfield } from '../../src/codec/bitfield.ts'
import type { PeerAddress } from '../../src/codec/compact.ts'
import { decodeHandshake, type Handshake } from '../../src/codec/handshake.ts'
import {
  BLOCK_LENGTH,
  type BlockRef,
  decodeBody,
  encodedLength,
  encodeInto,
  MESSAGE_IDS,
  type Message,
} from '../../src/codec/message.ts'
import { Conditions } from './conditions.ts'
import type { MadeTorrent } from './metainfo.ts'

export interface PeerScript {
  /** Pieces that its bitfield shows. @default all */
  readonly has?: (index: number) => boolean
  /** Called on a connection, instead of sending the handshake and the bitfield. */
  readonly sendGreeting?: (wire: Wire) => void
  /** Parts of its handshake that differ from a correct one. */
  readonly handshake?: Partial<Omit<Handshake, 'type'>>
  /** Called on an interested. @default sends unchoke */
  readonly interested?: (wire: Wire) => void
  /** Called on each request, with its number from 0. @default sends the block */
  readonly request?: (block: BlockRef, wire: Wire, n: number) => void
  /** Called on every other message. */
  readonly message?: (message: Message, wire: Wire) => void
}

/** The scripted end of one connection. */
export class Wire {
  readonly socket: net.Socket
  /** All received messages, with the handshake. */
  readonly received: Message[] = []
  /** All received bytes. */
  bytes: Buffer = Buffer.alloc(0)
  /** True once either side has ended the connection. */
  closed = false
  readonly #made: MadeTorrent
  readonly #conditions = new Conditions()
  #offset = 0
  #isHandshakeRead = false

  constructor(socket: net.Socket, made: MadeTorrent, onMessage: (message: Message, wire: Wire) => void) {
    this.socket = socket
    this.#made = made
    socket.setNoDelay(true)
    socket.on('error', () => {})
    socket.on('close', () => {
      this.closed = true
      this.wake()
    })
    socket.on('data', chunk => {
      this.bytes = Buffer.concat([this.bytes, chunk])
      for (let message = this.#next(); message; message = this.#next()) {
        this.received.push(message)
        onMessage(message, this)
      }
      this.wake()
    })
  }

  send(...messages: Message[]): void {
    for (const message of messages) {
      const bytes = Buffer.alloc(encodedLength(message))
      encodeInto(message, bytes, 0)
      this.sendBytes(bytes)
    }
  }

  /** Sends raw bytes. */
  sendBytes(bytes: Uint8Array): void {
    if (!this.socket.destroyed) this.socket.write(bytes)
  }

  /** Sends the handshake and the bitfield. */
  sendGreeting({ has = () => true, handshake }: Pick<PeerScript, 'has' | 'handshake'> = {}): void {
    const bits = new Bitfield(this.#made.metainfo.pieceCount)
    for (let index = 0; index < bits.size; index++) if (has(index)) bits.add(index)
    this.sendHandshake(handshake)
    if (bits.count > 0) this.send({ type: 'bitfield', bytes: bits.bytes })
  }

  sendHandshake(handshake: PeerScript['handshake'] = {}): void {
    const { infoHash } = this.#made.metainfo
    const peerId = Buffer.from(`-SC0001-${String(this.socket.localPort).padStart(12, '0')}`)
    this.send({ type: 'handshake', infoHash, peerId, reserved: new Uint8Array(8), ...handshake })
  }

  /** Sends the requested block, or other bytes instead. */
  sendBlock(block: BlockRef, change: (data: Buffer) => Uint8Array = data => data): void {
    const start = block.index * this.#made.metainfo.pieceLength + block.begin
    const data = change(Buffer.from(this.#made.content.subarray(start, start + block.length)))
    this.send({ type: 'piece', ...block, data, length: data.length })
  }

  /** Sends interested. Resolves once it is unchoked. */
  async waitForUnchoke(): Promise<void> {
    const before = this.messagesOf('unchoke').length
    this.send({ type: 'interested' })
    await this.waitForMessages('unchoke', before + 1)
  }

  /** Requests this block, and resolves with its answer. By then the client has handled all earlier messages. */
  async fetchBlock(block: BlockRef): Promise<Buffer> {
    const before = this.messagesOf('piece').length
    this.send({ type: 'request', ...block })
    await this.waitForMessages('piece', before + 1)
    return Buffer.from(this.messagesOf('piece').at(-1)!.data!)
  }

  /** The kinds of all received messages, in order. */
  get types(): Message['type'][] {
    return this.received.map(({ type }) => type)
  }

  /** All received messages of a kind. */
  messagesOf<T extends Message['type']>(type: T): Extract<Message, { type: T }>[] {
    return this.received.filter((message): message is Extract<Message, { type: T }> => message.type === type)
  }

  /** Resolves once this many messages of a kind were received. */
  waitForMessages(type: Message['type'], count = 1): Promise<void> {
    return this.waitUntil(() => this.messagesOf(type).length >= count)
  }

  /** Resolves when the connection has ended. */
  waitForEnd(): Promise<void> {
    return this.waitUntil(() => this.closed)
  }

  /** Resolves when `isMet` returns true. It is called after each message and at the end. */
  waitUntil(isMet: () => boolean): Promise<void> {
    return this.#conditions.wait(isMet)
  }

  wake(): void {
    this.#conditions.check()
  }

  #next(): Message | undefined {
    const rest = this.bytes.subarray(this.#offset)
    if (!this.#isHandshakeRead) {
      if (rest.length < 68) return undefined
      this.#isHandshakeRead = true
      this.#offset += 68
      return decodeHandshake(rest.subarray(0, 68))
    }
    if (rest.length < 4 || rest.length < 4 + rest.readUInt32BE(0)) return undefined
    const length = rest.readUInt32BE(0)
    this.#offset += 4 + length
    if (length === 0) return { type: 'keepAlive' }
    const body = Buffer.from(rest.subarray(5, 4 + length))
    if (rest[4] !== MESSAGE_IDS.piece) return decodeBody(rest[4]!, body)
    const data = body.subarray(8)
    return {
      type: 'piece',
      index: body.readUInt32BE(0),
      begin: body.readUInt32BE(4),
      length: data.length,
      data,
    }
  }
}

export interface ScriptedPeer {
  readonly address: PeerAddress
  /** All connections, in order. */
  readonly wires: readonly Wire[]
  /** All requested blocks, over all connections. */
  readonly requests: readonly BlockRef[]
  /** Resolves with the n-th connection, from 1. */
  connection(n?: number): Promise<Wire>
  /** Resolves when `isMet` returns true. It is called after each message of any connection. */
  waitUntil(isMet: () => boolean): Promise<void>
  /** Ends the peer and its connections. */
  close(): Promise<void>
}

/** Opens a scripted peer until the end of test `t`. Without a script it is an honest seed. */
export async function scriptedPeer(
  t: { teardown(call: () => unknown): unknown },
  made: MadeTorrent,
  script: PeerScript = {},
): Promise<ScriptedPeer> {
  const wires: Wire[] = []
  const requests: BlockRef[] = []
  const conditions = new Conditions()
  const wake = () => conditions.check()
  const { sendGreeting = wire => wire.sendGreeting(script) } = script
  const play = player(script, requests)
  const server = net.createServer(socket => {
    const wire = new Wire(socket, made, (message, wire) => {
      play(message, wire)
      queueMicrotask(wake)
    })
    socket.on('close', wake)
    wires.push(wire)
    sendGreeting(wire)
    wake()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  const close = async () => {
    for (const { socket } of wires) socket.destroy()
    if (server.listening) await new Promise(resolve => server.close(resolve))
  }
  t.teardown(close)
  return {
    address: { host: '127.0.0.1', port },
    wires,
    requests,
    connection: async (n = 1) => {
      await conditions.wait(() => wires.length >= n)
      return wires[n - 1]!
    },
    waitUntil: isMet => conditions.wait(isMet),
    close,
  }
}

/**
 * Dials a client as a scripted peer, until the end of test `t`. Resolves once it is connected and has sent its
 * handshake. Without a script it is an honest peer without pieces.
 */
export async function dial(
  t: { teardown(call: () => unknown): unknown },
  made: MadeTorrent,
  { host, port }: PeerAddress,
  script: PeerScript = {},
): Promise<Wire> {
  const socket = net.connect(port, host)
  const wire = new Wire(socket, made, player(script, []))
  t.teardown(() => socket.destroy())
  await once(socket, 'connect')
  const { sendGreeting = wire => wire.sendGreeting({ has: () => false, ...script }) } = script
  sendGreeting(wire)
  return wire
}

/** Answers a message by the script, and records requested blocks. */
export function player(script: PeerScript, requests: BlockRef[]): (message: Message, wire: Wire) => void {
  const {
    interested = wire => wire.send({ type: 'unchoke' }),
    request = (block, wire) => wire.sendBlock(block),
  } = script
  return (message, wire) => {
    script.message?.(message, wire)
    if (message.type === 'interested') interested(wire)
    if (message.type === 'request') {
      const { index, begin, length } = message
      requests.push({ index, begin, length })
      request({ index, begin, length }, wire, requests.length - 1)
    }
  }
}

/** Changes one byte of a block. */
export function wrong(data: Buffer): Buffer {
  data[data.length >> 1]! ^= 0xff
  return data
}

/** The blocks of one piece, in order. */
export function blocksOf({ metainfo, content }: MadeTorrent, index: number): BlockRef[] {
  const start = index * metainfo.pieceLength
  const size = Math.min(metainfo.pieceLength, content.length - start)
  const count = Math.ceil(size / BLOCK_LENGTH)
  return Array.from({ length: count }, (_, block) => {
    const begin = block * BLOCK_LENGTH
    return { index, begin, length: Math.min(BLOCK_LENGTH, size - begin) }
  })
}

/** `index:block` of every request, for short expectations. */
export function named(requests: readonly BlockRef[]): string[] {
  return requests.map(({ index, begin }) => `${index}:${begin / BLOCK_LENGTH}`)
}
