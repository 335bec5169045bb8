import { addressKey } from '../../codec/address-key.ts'
import { scopeOf } from '../../codec/address-scope.ts'

interface HalfOpenSocket {
  readonly key: string
  readonly since: number
  /** True until the first byte arrives. */
  silent: boolean
}

/** Options of `HalfOpen`. */
export interface HalfOpenOptions {
  /** Maximum number of connections. */
  readonly max: number
  /** Maximum number of connections of one IP address, or of one /64 of IPv6; loopback may have all. */
  readonly maxPerAddress: number
}

/** Milliseconds after which a silent connection may be replaced by another one of its address. */
const SILENT_MS = 500

/**
 * Decides which incoming connections without a handshake are kept.
 *
 * Inputs: the number of connections, of each address; which are silent, and since when; the time.
 *
 * A silent connection is replaced by a new one of its address. When the limit is reached, the address with the most
 * connections loses one.
 */
export class HalfOpen<Socket extends object> {
  readonly #options: HalfOpenOptions
  /** The oldest first. */
  readonly #sockets = new Map<Socket, HalfOpenSocket>()
  readonly #counts = new Map<string, number>()

  constructor(options: HalfOpenOptions) {
    this.#options = options
  }

  /** Decides on a connection of an address. Returns false to reject it, true to take it, or the socket to replace. */
  admit(host: string, now: number): Socket | boolean {
    const { max, maxPerAddress } = this.#options
    const key = addressKey(host)
    const maxOfAddress = scopeOf(host) === 'loopback' ? max : maxPerAddress
    if ((this.#counts.get(key) ?? 0) >= maxOfAddress) return this.#oldestSilent(key, now - SILENT_MS) ?? false
    if (this.#sockets.size < max) return true
    let [largest, count] = ['', 0]
    for (const entry of this.#counts) if (entry[1] > count) [largest, count] = entry
    const crowds = largest !== key && count > (this.#counts.get(key) ?? 0) + 1
    return this.#oldestSilent(largest, crowds ? now : now - SILENT_MS) ?? false
  }

  add(socket: Socket, host: string, now: number): void {
    const key = addressKey(host)
    this.#sockets.set(socket, { key, since: now, silent: true })
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1)
  }

  /** A socket has sent its first bytes. */
  markActive(socket: Socket): void {
    const entry = this.#sockets.get(socket)
    if (entry) entry.silent = false
  }

  delete(socket: Socket): void {
    const key = this.#sockets.get(socket)?.key
    if (key === undefined || !this.#sockets.delete(socket)) return
    const count = this.#counts.get(key)! - 1
    if (count > 0) this.#counts.set(key, count)
    else this.#counts.delete(key)
  }

  #oldestSilent(key: string, before: number): Socket | undefined {
    for (const [socket, entry] of this.#sockets) {
      if (entry.key === key && entry.silent && entry.since <= before) return socket
    }
    return undefined
  }
}
