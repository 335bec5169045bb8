import { type AddressFamily, addressFamilyOf, formatAddress, isOfFamily } from '../codec/index.ts'
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

/** Addresses that a user names. */
export interface NamedAddresses {
  readonly peer?: readonly PeerAddress[]
  readonly dhtNode?: readonly PeerAddress[]
}

/**
 * Returns the only address family to use; undefined for both.
 * @throws InputError if both options are given, or if `--bind` is an address of the other family
 */
export function addressFamilyFor({ bind, ipv4, ipv6 }: FamilyOptions): AddressFamily | undefined {
  if (ipv4 && ipv6) throw new InputError('ERR_USAGE', '--ipv4 and --ipv6 exclude each other')
  const family = ipv4 ? 4 : ipv6 ? 6 : undefined
  if (bind === undefined || family === undefined || addressFamilyOf(bind) === family) return family
  throw new InputError('ERR_USAGE', `--bind: ${bind} is not an IPv${family} address (--ipv${family})`)
}

/** Returns a warning for each address that a user names and that is not of the only allowed family. */
export function* describeExcluded(
  { dhtNode = [], peer = [] }: NamedAddresses,
  family: AddressFamily | undefined,
): Generator<string> {
  const named = [
    ...peer.map(address => ['--peer', address] as const),
    ...dhtNode.map(address => ['--dht-node', address] as const),
  ]
  for (const [option, address] of named) {
    if (isOfFamily(address.host, family)) continue
    yield `${option}: ${formatAddress(address)} is not used: it is not an IPv${family} address (--ipv${family})`
  }
}
