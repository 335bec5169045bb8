import { addressKey } from '../../codec/address-key.ts'
import { scopeOf } from '../../codec/address-scope.ts'

interface Place {
  readonly key: string
  readonly since: number
  /** Nothing has come from it. */
  silent: boolean
}

export interface HalfOpenOptions {
  /** Places in all. */
  readonly max: number
  /** Places of one IP address, or of the /64 of an IPv6 one; loopback may have all. */
  readonly maxPerAddress: number
}

/** Milliseconds that a connection may be silent before another one of its address takes its place. */
const SILENT_MS = 500

/**
 * Which of the connections that have not said enough keep their place.
 *
 * Depends on: how many there are, of each address; which have said nothing yet, and since when; the time.
 *
 * One that has been silent makes room for a newcomer of its own address. When all places are taken, the
 * address that has most of them gives one up.
 */
export class HalfOpen<Socket extends object> {
  readonly #options: HalfOpenOptions
  /** The oldest first. */
  readonly #places = new Map<Socket, Place>()
  readonly #counts = new Map<string, number>()

  constructor(options: HalfOpenOptions) {
    this.#options = options
  }

  /** @returns false if there is no place for a connection from this address; else the one that makes room, if one has to */
  admit(host: string, now: number): Socket | boolean {
    const { max, maxPerAddress } = this.#options
    const key = addressKey(host)
    const most = scopeOf(host) === 'loopback' ? max : maxPerAddress
    if ((this.#counts.get(key) ?? 0) >= most) return this.#oldestSilent(key, now - SILENT_MS) ?? false
    if (this.#places.size < max) return true
    let [largest, count] = ['', 0]
    for (const entry of this.#counts) if (entry[1] > count) [largest, count] = entry
    const crowds = largest !== key && count > (this.#counts.get(key) ?? 0) + 1
    return this.#oldestSilent(largest, crowds ? now : now - SILENT_MS) ?? false
  }

  add(socket: Socket, host: string, now: number): void {
    const key = addressKey(host)
    this.#places.set(socket, { key, since: now, silent: true })
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1)
  }

  /** Something came from it. */
  heard(socket: Socket): void {
    const place = this.#places.get(socket)
    if (place) place.silent = false
  }

  delete(socket: Socket): void {
    const key = this.#places.get(socket)?.key
    if (key === undefined || !this.#places.delete(socket)) return
    const count = this.#counts.get(key)! - 1
    if (count > 0) this.#counts.set(key, count)
    else this.#counts.delete(key)
  }

  #oldestSilent(key: string, before: number): Socket | undefined {
    for (const [socket, place] of this.#places) {
      if (place.key === key && place.silent && place.since <= before) return socket
    }
    return undefined
  }
}
