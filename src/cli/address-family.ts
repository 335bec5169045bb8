import { formatAddress, zonelessBytes } from '../codec/index.ts'
import { InputError } from '../errors.ts'
import type { PeerAddress } from '../index.ts'

/** The options that choose an address family. */
export interface FamilyOptions {
  /** True to use only IPv4. @default both families */
  readonly ipv4?: boolean
  readonly ipv6?: boolean
  /** The IP address to listen on and to connect from. */
  readonly bind?: string
}

/**
 * Returns the only address family to use; undefined for both.
 * @throws InputError if both options are given, or if `--bind` is an address of the other family
 */
export function addressFamilyFor({ bind, ipv4, ipv6 }: FamilyOptions): 4 | 6 | undefined {
  if (ipv4 && ipv6) throw new InputError('ERR_USAGE', '--ipv4 and --ipv6 exclude each other')
  const family = ipv4 ? 4 : ipv6 ? 6 : undefined
  if (bind === undefined || family === undefined || familyOf(bind) === family) return family
  throw new InputError('ERR_USAGE', `--bind: ${bind} is not an IPv${family} address (--ipv${family})`)
}

/** Returns the family of an IP address; undefined for a name. */
export function familyOf(host: string): 4 | 6 | undefined {
  const bytes = zonelessBytes(host)
  return bytes && (bytes.length === 4 ? 4 : 6)
}

/** Returns the warning that an address is not used, if it is not of the only allowed family. */
export function describeExcluded(
  option: string,
  address: PeerAddress,
  only: 4 | 6 | undefined,
): string | undefined {
  if (only === undefined || (familyOf(address.host) ?? only) === only) return undefined
  return `${option}: ${formatAddress(address)} is not used: it is not an IPv${only} address (--ipv${only})`
}
