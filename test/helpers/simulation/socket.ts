import { Duplex } from 'node:stream'
import type { Clock, Timer } from '../../../src/ports/clock.ts'
import { type Address, failure } from './failure.ts'
import type { Endpoint, Flow } from './flow.ts'
import { Inbox } from './inbox.ts'
import type { Segment } from './link.ts'

/** Memory to read into, as an option of `net.connect`. */
export interface OnRead {
  readonly buffer: Uint8Array | (() => Uint8Array)
  /** @returns false to stop reading until `resume` */
  callback(length: number, buffer: Uint8Array): boolean
}

type Waiter = (error?: Error | null) => void

/**
 * One side of a simulated connection: the interface of `net.Socket`, on the Duplex of Node.
 *
 * Its ends behave as on Linux. `destroy` sends the written bytes and an end, or a reset if bytes are unread. A later
 * write to it gets ECONNRESET. No callback is called synchronously.
 */
export class SimulatedSocket extends Duplex implements Endpoint {
  connecting = true
  remoteAddress: string | undefined
  remotePort: number | undefined
  readonly localAddress: string
  readonly localPort: number
  readonly #clock: Clock
  readonly #onread: OnRead | undefined
  #buffer: Uint8Array | undefined
  #outgoing: Flow | undefined
  #incoming: Flow | undefined
  /** The write before the connection was made. */
  #early: { readonly send: () => void; readonly done: Waiter } | undefined
  readonly #unread = new Inbox()
  #reading = false
  /** `arrived` when the end has arrived, then `read`. */
  #end: 'arrived' | 'read' | undefined
  /** True if the other side has ended; the next read or write reports it. */
  #reset = false
  #resetting = false
  #timer: Timer | undefined

  constructor(clock: Clock, { address, port }: Address, onread?: OnRead) {
    super({ allowHalfOpen: false, readableHighWaterMark: 65536, writableHighWaterMark: 65536 })
    this.#clock = clock
    this.localAddress = address
    this.localPort = port
    this.#onread = onread
    this.#nextBuffer()
  }

  /** Handles the new connection. */
  open(remote: Address, outgoing: Flow, incoming: Flow): void {
    this.connecting = false
    this.remoteAddress = remote.address
    this.remotePort = remote.port
    this.#outgoing = outgoing
    this.#incoming = incoming
  }

  /** Reports the connection to the side that dialled. */
  announce(): void {
    this.emit('connect')
    this.emit('ready')
    const early = this.#early
    this.#early = undefined
    early?.send()
    this.start()
  }

  /** Starts to read, unless it is paused. */
  start(): void {
    if (!this.destroyed && !this.isPaused()) this.read(0)
  }

  arrive({ bytes, end }: Segment): void {
    if (this.destroyed) {
      if (bytes.length > 0) this.#incoming?.refuse()
    } else if (end === 'rst') this.reset()
    else {
      if (end) this.#end = 'arrived'
      else this.#unread.push(bytes)
      if (!this.#timer) this.#readOnce()
    }
  }

  reset(): void {
    const waited = this.#outgoing?.break()
    if (this.destroyed) return
    this.#reset = true
    if (waited) this.destroy(reset('read'))
    else if (!this.#timer) this.#readOnce()
  }

  setNoDelay(): this {
    return this
  }

  /** Resets the connection: the other side gets ECONNRESET. */
  resetAndDestroy(): this {
    this.#resetting = true
    return this.destroy()
  }

  // with `onread`, as in net.Socket, these start and stop the reads, and nothing is buffered

  override read(size?: number) {
    if (this.#onread) this.#startReading()
    return super.read(size)
  }

  override resume(): this {
    if (this.#onread) this.#startReading()
    return super.resume()
  }

  override pause(): this {
    if (this.#onread) this.#reading = false
    return super.pause()
  }

  override _read(): void {
    if (this.connecting) this.once('connect', () => this._read())
    else this.#startReading()
  }

  override _write(bytes: Buffer, _encoding: BufferEncoding, done: Waiter): void {
    this.#send([bytes], done)
  }

  override _writev(items: { chunk: Buffer }[], done: Waiter): void {
    this.#send(
      items.map(({ chunk }) => chunk),
      done,
    )
  }

  override _final(done: Waiter): void {
    if (this.connecting) this.#early = { send: () => this._final(done), done }
    else if (this.#reset || !this.#outgoing) done()
    else this.#outgoing.finish(done)
  }

  override _destroy(error: Error | null, done: Waiter): void {
    this.connecting = false
    this.#clock.clearTimeout(this.#timer)
    const end = this.#resetting || !this.#unread.empty ? 'rst' : 'fin'
    const waiting = this.#outgoing?.abandon(end) ?? this.#early?.done
    this.#early = undefined
    this.#unread.clear()
    // last, because its error is not the reason
    if (waiting) this.once('close', () => waiting(failure('write', 'ECANCELED')))
    done(error)
  }

  #send(chunks: Uint8Array[], done: Waiter): void {
    if (this.connecting) this.#early = { send: () => this.#send(chunks, done), done }
    else if (this.#reset || !this.#outgoing) done(reset('write'))
    else this.#outgoing.write(chunks, done)
  }

  #startReading(): void {
    if (this.connecting || this.#reading) return
    this.#reading = true
    this.#readSoon()
  }

  #readSoon(): void {
    if (this.#unread.empty && this.#end !== 'arrived' && !this.#reset) return
    this.#timer ??= this.#clock.setTimeout(() => {
      this.#timer = undefined
      this.#readOnce()
    }, 0)
  }

  /** Performs one read, as the system does. The next read is another event, so that promises settle in between. */
  #readOnce(): void {
    if (!this.#reading || this.destroyed) return
    if (!this.#unread.empty) {
      this.#reading = this.#onread ? this.#readInto(this.#onread) : this.#readNext()
      if (this.#reading && !this.destroyed) this.#readSoon()
    } else if (this.#end === 'arrived') {
      this.#end = 'read'
      this.push(null)
      super.read(0)
    } else if (this.#reset && !this.#end) this.destroy(reset('read'))
  }

  #readNext(): boolean {
    const bytes = this.#unread.shift()!
    this.#incoming!.consumed(bytes.length)
    return this.push(bytes)
  }

  #readInto({ callback }: OnRead): boolean {
    const buffer = this.#buffer!
    const filled = this.#unread.read(buffer)
    this.#incoming!.consumed(filled)
    const going = callback(filled, buffer) !== false
    this.#nextBuffer()
    return going
  }

  /**
   * Asks for the next memory, once before the connection and after each read. Without an answer the last one is used
   * again.
   */
  #nextBuffer(): void {
    const buffer = this.#onread?.buffer
    this.#buffer = (typeof buffer === 'function' ? buffer() : buffer) || this.#buffer
  }
}

const reset = (syscall: string) => failure(syscall, 'ECONNRESET')
