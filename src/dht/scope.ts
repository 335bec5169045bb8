import { addressBytes } from '../codec/compact.ts'

/** From where an address can be reached: this machine, this network, anywhere, or from nowhere at all. */
export type Scope = 'loopback' | 'local' | 'global' | 'none'

/** The scope of an IPv4 or IPv6 address; `none` for names, and for addresses at which no one node can be. */
export function scopeOf(host: string): Scope {
  const bytes = addressBytes(host)
  if (!bytes) return 'none'
  return bytes.length === 4 ? scopeOf4(bytes) : scopeOf6(bytes)
}

/** Whether the address is exempt from BEP 42, and may be that of many nodes. */
export function isLocal(host: string): boolean {
  const scope = scopeOf(host)
  return scope === 'loopback' || scope === 'local'
}

const WIDTH: Readonly<Record<Scope, number>> = { none: 0, global: 1, local: 2, loopback: 3 }

/** Whether somebody at `teller` can know of `host`: a stranger far away must not make us talk to our own network. */
export function canTellOf(teller: string, host: string): boolean {
  const scope = scopeOf(host)
  if (scope === 'global' || scope === 'none') return scope === 'global'
  return WIDTH[scope] <= WIDTH[scopeOf(teller)]
}

/** The network that an address is in, as far as one owner is likely: /24 of IPv4, /64 of IPv6. */
export function networkOf(host: string): string {
  const bytes = addressBytes(host)
  return bytes ? bytes.subarray(0, bytes.length === 4 ? 3 : 8).toString('hex') : host
}

function scopeOf4(bytes: Uint8Array): Scope {
  const [a = 0, b = 0] = bytes
  if (a === 0 || a >= 224) return 'none'
  if (a === 127) return 'loopback'
  const isPrivate = a === 10 || (a === 172 && b >> 4 === 1) || (a === 192 && b === 168)
  return isPrivate || (a === 169 && b === 254) ? 'local' : 'global'
}

function scopeOf6(bytes: Uint8Array): Scope {
  const [a = 0, b = 0] = bytes
  if (a === 0xff) return 'none'
  if (bytes.subarray(0, 15).every(byte => byte === 0)) {
    // ::1, and :: is no address; the others are IPv4 ones in an old spelling
    return bytes[15] === 1 ? 'loopback' : 'none'
  }
  const isPrivate = (a & 0xfe) === 0xfc || (a === 0xfe && b >> 6 === 2)
  return isPrivate ? 'local' : 'global'
}
