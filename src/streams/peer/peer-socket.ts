import net from 'node:net'
import type { AddressFamily } from '../../codec/address-family.ts'
import { checkArgument } from '../../codec/check-arguments.ts'
import { canonicalHost, formatAddress, type PeerAddress } from '../../codec/compact.ts'
import { messageOf, PeerError } from '../../errors.ts'
import { type Clock, systemClock, type Timer } from '../../ports/clock.ts'
import type { ByteLimit } from '../byte-limit.ts'
import { ParkedCallback } from '../parked-callback.ts'
import { type Done, Duplex } from '../stage.ts'
import { lingerSocket } from './linger-socket.ts'
import { ReadBuffers } from './read-buffers.ts'

/** Options of `PeerSocket`. */
export interface PeerSocketOptions {
  /**
   * True to lend chunks: call `release` for each, as its memory is reused. Otherwise every chunk has its own memory.
   * @default false
   */
  readonly lend?: boolean
  /** Returns the maximum bytes to read at once. Called again when reads fill their buffer. @default 256 KiB */
  readonly readLimit?: () => number
  /** Opens the connection. @default net.connect */
  readonly connect?: typeof net.connect
  /** The IP address to dial from. @default chosen by the system */
  readonly bind?: string
  /** The only family of the addresses of a host name. @default both */
  readonly family?: AddressFamily
  /** Bytes that were already read from an accepted connection. */
  readonly head?: Uint8Array
  /** Limits the rate of reading. */
  readonly limit?: ByteLimit
  /**
   * Times how long `hangUp` waits for the peer, and the pauses between reads. With `connect` there are no pauses.
   * @default the clock of the machine
   */
  readonly clock?: Clock
  /** Called with each written buffer when the system has taken it: its memory can be reused. */
  readonly onWritten?: (bytes: Uint8Array) => void
}

/** Bytes that are read in one turn of the event loop: libuv would read up to 32 buffers, which takes 30 ms. */
const MAX_TURN_BYTES = 1 << 20
/** A shorter read from a peer that has filled a buffer of this size before is followed by a pause. */
const PACED_READ_BYTES = 262144
/** Milliseconds of that pause. The kernel collects bytes meanwhile, because 16 KiB cost as much per read as 256 KiB. */
const READ_PAUSE_MS = 1

/**
 * One TCP connection to a peer.
 *
 * in            bytes for the peer
 * out           chunks of the socket
 * backpressure  reads nothing while two chunks are lent; a full send buffer holds writes back. Pauses for a millisecond after
 *               a short read from a fast peer, so that chunks are large, and for other work after 1 MiB
 * fails with    PeerError ERR_CONNECTION, the system's error as cause
 * BEP           3
 *
 * Reads go to two own buffers alternately (`onread`), which grow for peers that fill them. This takes a third of the reads,
 * and of the system time, of Node's 64 KiB buffers.
 */
export class PeerSocket extends Duplex<Uint8Array, Uint8Array> {
  readonly address: PeerAddress
  /** True once the connection was made. */
  reached = false
  readonly #lends: boolean
  readonly #limit: ByteLimit | undefined
  readonly #onWritten: ((bytes: Uint8Array) => void) | undefined
  readonly #socket: net.Socket
  readonly #buffers: ReadBuffers
  readonly #clock: Clock
  /** True if short reads are followed by pauses. */
  readonly #hasPauses: boolean
  /** The timer of a pause. */
  #pause: Timer | undefined
  /** The next turn of the event loop, while reading waits for it. */
  #turn: NodeJS.Immediate | undefined
  /** Bytes read since the last pause. */
  #turnBytes = 0
  #isPaused = false
  /** The ticket of the rate limit while it delays reading. */
  #ticket: object | undefined
  /** True once the peer has ended its side. */
  #hasReceivedEnd = false
  /** True once all bytes of the peer were read. */
  #hasReadAll = false
  /** True if the connection ends with what was written. */
  #isHungUp = false
  readonly #opening = new ParkedCallback()
  #failure: PeerError | undefined

  /** @param peer the address to dial, or an accepted connection */
  constructor(peer: PeerAddress | net.Socket, options: PeerSocketOptions = {}) {
    checkArgument('peer', peer, 'object')
    checkArgument('options', options, 'object')
    const {
      bind,
      clock = systemClock,
      family,
      lend = false,
      readLimit,
      connect,
      head,
      limit,
      onWritten,
    } = options
    super({ highWaterMark: 65536, eagerOpen: true, byteLength: bytes => bytes.length || 1 })
    this.#lends = lend
    this.#buffers = new ReadBuffers(readLimit ?? (() => 262144))
    this.#clock = clock
    this.#hasPauses = connect === undefined
    this.#limit = limit
    this.#onWritten = onWritten
    if ('write' in peer) {
      this.address = { host: canonicalHost(peer.remoteAddress ?? '?'), port: peer.remotePort ?? 0 }
      this.#socket = peer
      this.reached = true
      this.#isPaused = peer.isPaused() // the listener may have paused it
      if (head && head.length > 0) this.push(head)
      peer.on('data', chunk => {
        if (this.destroying) return
        const hasRoom = this.push(chunk)
        if (!this.#passesLimit(chunk.length) || !hasRoom) {
          this.#isPaused = true
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
        ...(family === undefined ? {} : { family }),
        onread: { buffer: () => this.#buffers.next, callback: length => this.#onRead(length) },
      })
    }
    this.#socket.setNoDelay(true)
    this.#socket.on('error', error => this.#fail(error))
    this.#socket.on('end', () => {
      this.#hasReceivedEnd = true
      this.push(null)
    })
    this.#socket.on('close', () => {
      if (!this.#hasReceivedEnd || this.#hasReadAll) this.destroy()
    })
    this.on('end', () => {
      this.#hasReadAll = true
      if (this.#socket.closed) this.destroy()
    })
    this.#socket.on('connect', () => {
      this.reached = true
      this.#releaseOpening()
    })
  }

  /** The IP address of the connected peer, also if a name was dialled; before the connection, the host to dial. */
  get remoteHost(): string {
    return canonicalHost(this.#socket.remoteAddress ?? this.address.host)
  }

  /** Gives back a chunk that was lent. */
  release(chunk: Uint8Array): void {
    if (this.#buffers.release(chunk)) this.#resume()
  }

  /** Destroys the stage, and ends the connection once the peer has received what was written. */
  hangUp(): void {
    this.#isHungUp = true
    this.destroy()
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
    if (this.#hasReceivedEnd) {
      this.#onWritten?.(bytes)
      done() // the peer reads no further, but its last bytes are still to be read
      return
    }
    this.#socket.write(bytes, error => {
      if (!error) this.#onWritten?.(bytes)
      done(error ? this.#wrap(error) : null)
    })
  }

  override _final(done: Done): void {
    this.#socket.end(() => done())
  }

  override _predestroy(): void {
    if (this.#ticket) this.#limit?.cancel(this.#ticket)
    this.#clock.clearTimeout(this.#pause)
    clearImmediate(this.#turn)
    if (this.#isHungUp) lingerSocket(this.#socket, this.#clock)
    else this.#socket.destroy()
    this.#releaseOpening()
  }

  override _destroy(done: Done): void {
    this.#buffers.clear()
    done()
  }

  #releaseOpening(): void {
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

  /** Passes on the bytes of a read. @returns false to stop reading until `resume` */
  #onRead(length: number): boolean {
    const buffers = this.#buffers
    if (this.destroying) return true // the stage has ended or failed: nothing reads its output
    if (!this.#lends) {
      const hasRoom = this.push(Uint8Array.prototype.slice.call(buffers.view(length)))
      this.#isPaused = !this.#passesLimit(length) || !hasRoom // until `_read`
      return !this.#isPaused
    }
    this.push(buffers.lend(length))
    if (!this.#passesLimit(length) || buffers.isNextLent) {
      this.#isPaused = true
      return false
    }
    buffers.grow(length)
    return !this.#pauses(length)
  }

  /** Pauses after a short read from a fast peer, and after many bytes in one turn. @returns true if it does */
  #pauses(length: number): boolean {
    if (!this.#hasPauses) return false
    this.#turnBytes += length
    const isTurnOver = this.#turnBytes >= MAX_TURN_BYTES
    if (!isTurnOver && (length >= PACED_READ_BYTES || this.#buffers.next.length < PACED_READ_BYTES))
      return false
    const resume = () => {
      this.#pause = this.#turn = undefined
      this.#turnBytes = 0
      this.#resume()
    }
    this.#isPaused = true
    if (isTurnOver) this.#turn = setImmediate(resume)
    else this.#pause = this.#clock.setTimeout(resume, READ_PAUSE_MS)
    return true
  }

  /** Returns true if reading may continue at once after this many bytes; otherwise `#resume` is called later. */
  #passesLimit(length: number): boolean {
    if (!this.#limit) return true
    const go = () => {
      this.#ticket = undefined
      this.#resume()
    }
    this.#ticket = this.#limit.take(length, go, this)
    return this.#ticket === undefined
  }

  /** Continues to read, unless the rate limit or a lent buffer prevents it. */
  #resume(): void {
    if (!this.#isPaused || this.#ticket || this.#pause || this.#turn || this.#buffers.isNextLent) return
    this.#isPaused = false
    this.#socket.resume()
  }
}
