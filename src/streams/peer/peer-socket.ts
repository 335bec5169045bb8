import net from 'node:net'
import { canonicalHost, formatAddress, type PeerAddress } from '../../codec/compact.ts'
import { messageOf, PeerError } from '../../errors.ts'
import type { ByteLimit } from '../byte-limit.ts'
import { ParkedCallback } from '../parked-callback.ts'
import { type Done, Duplex } from '../stage.ts'

/** Options of `PeerSocket`. */
export interface PeerSocketOptions {
  /**
   * Chunks are lent: each is to be given back with `release`, as its memory is read into again.
   * Otherwise every chunk is memory of its own. @default false
   */
  readonly lend?: boolean
  /** The most bytes that may be read at once; asked again whenever reads fill what there is. @default 256 KiB */
  readonly readLimit?: () => number
  /** Opens the connection. @default net.connect */
  readonly connect?: typeof net.connect
  /** The IP address to dial from. @default what the system chooses */
  readonly bind?: string
  /** What was read already from a connection that was accepted. */
  readonly head?: Uint8Array
  /** Limits the rate of reading. */
  readonly limit?: ByteLimit
  /** Called with what was written once the system has it: its memory may be used again. */
  readonly onWritten?: (bytes: Uint8Array) => void
}

/** Bytes that a connection reads at once to begin with: a peer that is slow never needs more. */
const FIRST_READ_BYTES = 65536

/**
 * One TCP connection to a peer.
 *
 * in            bytes for the peer
 * out           chunks as the socket gave them
 * backpressure  reads no further while two chunks are out; a full send buffer holds writes back
 * fails with    PeerError ERR_CONNECTION, the system's error as cause
 * BEP           3
 *
 * Reading goes into two buffers of ours by turns (`onread`), which grow for peers that fill them:
 * a third of the reads, and of the system time, that Node's own 64 KiB buffers cost.
 */
export class PeerSocket extends Duplex<Uint8Array, Uint8Array> {
  readonly address: PeerAddress
  /** True once the connection was made. */
  reached = false
  readonly #lend: boolean
  readonly #readLimit: () => number
  readonly #limit: ByteLimit | undefined
  readonly #written: ((bytes: Uint8Array) => void) | undefined
  readonly #socket: net.Socket
  /** What is read into now, and what comes after. */
  #buffers: [Buffer, Buffer] | undefined
  #reading = 0
  #out = [false, false]
  #paused = false
  /** What we wait for, when we may not read on yet. */
  #ticket: object | undefined
  /** The other side has said its last. */
  #ended = false
  /** All that it said has been read. */
  #read = false
  readonly #opening = new ParkedCallback()
  #failure: PeerError | undefined

  /** @param peer where to dial, or a connection that was accepted */
  constructor(peer: PeerAddress | net.Socket, options: PeerSocketOptions = {}) {
    const { bind, lend = false, readLimit, connect, head, limit, onWritten } = options
    super({ highWaterMark: 65536, eagerOpen: true, byteLength: bytes => bytes.length || 1 })
    this.#lend = lend
    this.#readLimit = readLimit ?? (() => 262144)
    this.#limit = limit
    this.#written = onWritten
    if ('write' in peer) {
      this.address = { host: canonicalHost(peer.remoteAddress ?? '?'), port: peer.remotePort ?? 0 }
      this.#socket = peer
      this.reached = true
      this.#paused = peer.isPaused() // the listener may have paused it
      if (head && head.length > 0) this.push(head)
      peer.on('data', chunk => {
        const going = this.push(chunk)
        if (!this.#mayGoOn(chunk.length) || !going) {
          this.#paused = true
          peer.pause()
        }
      })
    } else {
      this.address = { host: canonicalHost(peer.host), port: peer.port }
      this.#socket = (connect ?? net.connect)({
        host: peer.host,
        port: peer.port,
        noDelay: true,
        ...(bind === undefined ? {} : { localAddress: bind }),
        onread: { buffer: () => this.#nextBuffer(), callback: length => this.#took(length) },
      })
    }
    this.#socket.setNoDelay(true)
    this.#socket.on('error', error => this.#fail(error))
    this.#socket.on('end', () => {
      this.#ended = true
      this.push(null)
    })
    this.#socket.on('close', () => {
      if (!this.#ended || this.#read) this.destroy()
    })
    this.on('end', () => {
      this.#read = true
      if (this.#socket.closed) this.destroy()
    })
    this.#socket.on('connect', () => {
      this.reached = true
      this.#proceed()
    })
  }

  /** The IP address of the peer once it is connected, also where a name was dialled; until then what is dialled. */
  get remoteHost(): string {
    return canonicalHost(this.#socket.remoteAddress ?? this.address.host)
  }

  /** Gives a chunk back that was lent. */
  release(chunk: Uint8Array): void {
    const at = this.#buffers?.findIndex(buffer => buffer.buffer === chunk.buffer) ?? -1
    if (at < 0) return
    this.#out[at] = false
    this.#resume()
  }

  override _open(done: Done): void {
    if (this.#socket.connecting) this.#opening.park(done)
    else done(this.#socket.closed ? this.#wrap(new Error('closed already')) : this.#failure)
  }

  override _read(done: Done): void {
    this.#resume()
    done()
  }

  override _write(bytes: Uint8Array, done: Done): void {
    if (this.#ended) {
      this.#written?.(bytes)
      done() // the peer reads no further, but its last bytes are still to be read
      return
    }
    this.#socket.write(bytes, error => {
      if (!error) this.#written?.(bytes)
      done(error ? this.#wrap(error) : null)
    })
  }

  override _final(done: Done): void {
    this.#socket.end(() => done())
  }

  override _predestroy(): void {
    if (this.#ticket) this.#limit?.cancel(this.#ticket)
    this.#socket.destroy()
    this.#proceed()
  }

  override _destroy(done: Done): void {
    this.#buffers = undefined
    done()
  }

  #proceed(): void {
    this.#opening.release(this.#failure)
  }

  #wrap(error: Error): PeerError {
    this.#failure ??= new PeerError(
      'ERR_CONNECTION',
      `${formatAddress(this.address)}: ${messageOf(error)}`,
      error,
    )
    return this.#failure
  }

  #fail(error: Error): void {
    this.destroy(this.#wrap(error))
  }

  /** Called by the socket ahead of each read: the other buffer, grown if the last read filled it. */
  #nextBuffer(): Buffer {
    if (!this.#buffers) {
      const size = Math.min(FIRST_READ_BYTES, this.#readLimit())
      this.#buffers = [Buffer.allocUnsafeSlow(size), Buffer.allocUnsafeSlow(size)]
    }
    return this.#buffers[this.#reading]!
  }

  /** A read came in; what it returns tells the socket whether to go on reading. */
  #took(length: number): boolean {
    const at = this.#reading
    const buffers = this.#buffers
    if (!buffers || this.destroying) return false
    const chunk = buffers[at]!.subarray(0, length)
    if (!this.#lend) {
      const going = this.push(Uint8Array.prototype.slice.call(chunk))
      this.#paused = !this.#mayGoOn(length) || !going // until `_read`
      return !this.#paused
    }
    this.#out[at] = true
    this.push(chunk)
    const other = 1 - at
    this.#reading = other
    if (!this.#mayGoOn(length) || this.#out[other]) {
      this.#paused = true
      return false
    }
    const size = buffers[other]!.length
    if (length === buffers[at]!.length && size <= length) {
      const grown = Math.min(2 * size, this.#readLimit())
      if (grown > size) buffers[other] = Buffer.allocUnsafeSlow(grown)
    }
    return true
  }

  /** Returns true if reading may continue at once after so many bytes; otherwise `#resume` is called later. */
  #mayGoOn(length: number): boolean {
    if (!this.#limit) return true
    const go = () => {
      this.#ticket = undefined
      this.#resume()
    }
    this.#ticket = this.#limit.take(length, go, this)
    return this.#ticket === undefined
  }

  /** Goes on reading, if it was held back and the buffer that comes next is ours again. */
  #resume(): void {
    if (!this.#paused || this.#ticket || this.#out[this.#reading]) return
    this.#paused = false
    this.#socket.resume()
  }
}
