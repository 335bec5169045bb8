import { InputError } from '../errors.ts'
import { addressBytes } from './address-bytes.ts'
import { quote } from './quote.ts'

/** Addresses from `start` to `end`, both included: 4 bytes each for IPv4, 16 for IPv6. */
export interface AddressRange {
  readonly start: Uint8Array
  readonly end: Uint8Array
}

/** eMule blocks a range of an access level up to this one. */
const MAX_BLOCKED_LEVEL = 127

/** An address or a network: `1.2.3.4`, `1.2.3.0/24`, `2001:db8::/32`, and a comment. */
const NETWORK_PATTERN = /^([\da-f.:]+)(?:\/(\d{1,3}))?\s*(?:[;#].*)?$/i
/** A range, of the DAT format of eMule if it has more: `001.002.003.000 - 001.002.003.255 , 000 , name`. */
const DAT_PATTERN = /^([\da-f.:]+)\s*-\s*([\da-f.:]+)\s*(?:,\s*(\d{1,5})\s*(?:,.*)?)?$/i
/** The P2P format: `name:1.2.3.0-1.2.3.255`. The name may have colons. */
const P2P_PATTERN = /:\s*([\d.]+)\s*-\s*([\d.]+)$/
const P2P_V6_PATTERN = /:([\da-f.:]+)\s*-\s*([\da-f.:]+)$/i

/**
 * Parses a line of a blocklist in one of its formats: P2P, DAT (eMule), or an address or a network (CIDR). Returns
 * undefined for an empty line, a comment, and a DAT range that eMule does not block.
 * @throws InputError ERR_USAGE for any other line
 */
export function parseAddressRange(line: string): AddressRange | undefined {
  const text = line.trim()
  if (text === '' || /^([#;]|\/\/)/.test(text)) return undefined
  const dat = DAT_PATTERN.exec(text)
  if (dat) {
    const range = rangeOf(dat[1]!, dat[2]!)
    if (range) return Number(dat[3] ?? 0) > MAX_BLOCKED_LEVEL ? undefined : range
  }
  const [, address, bits] = NETWORK_PATTERN.exec(text) ?? []
  const [, start, end] = P2P_PATTERN.exec(text) ?? []
  const found =
    (address && networkOf(address, bits)) ?? (start && end ? rangeOf(start, end) : findNamedRange(text))
  if (found) return found
  throw new InputError('ERR_USAGE', `expected a range of addresses, got ${quote(text)}`)
}

/** Finds an IPv6 range after a name. Both have colons, so the longest end of the text that is a range is taken. */
function findNamedRange(text: string): AddressRange | undefined {
  for (let at = text.indexOf(':'); at >= 0; at = text.indexOf(':', at + 1)) {
    const [, start, end] = P2P_V6_PATTERN.exec(text.slice(at)) ?? []
    const range = start && end ? rangeOf(start, end) : undefined
    if (range) return range
  }
  return undefined
}

function rangeOf(first: string, last: string): AddressRange | undefined {
  const [start, end] = [addressBytes(first), addressBytes(last)]
  if (!start || start.length !== end?.length || start.compare(end) > 0) return undefined
  return { start, end }
}

function networkOf(address: string, bits: string | undefined): AddressRange | undefined {
  const start = addressBytes(address)
  const length = start && (bits === undefined ? start.length * 8 : Number(bits))
  if (!start || length === undefined || length > start.length * 8) return undefined
  const mask = start.map((_, at) => 0xff >> Math.min(8, Math.max(0, length - 8 * at)))
  return { start: start.map((byte, at) => byte & ~mask[at]!), end: start.map((byte, at) => byte | mask[at]!) }
}
