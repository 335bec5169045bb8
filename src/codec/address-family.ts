/** The family of an IP address. */
import { zonelessBytes } from './address-bytes.ts'

/** An address family, numbered as in Node. */
export type AddressFamily = 4 | 6

const ADDRESS_FAMILIES: readonly AddressFamily[] = [4, 6]

/** Returns the family of an IP address, with or without a zone; undefined for a host name. An IPv4-mapped address is IPv4. */
export function addressFamilyOf(host: string): AddressFamily | undefined {
  const bytes = zonelessBytes(host)
  return bytes && (bytes.length === 4 ? 4 : 6)
}

/** Returns true if a host is an address of this family, or a name that is not resolved yet. Undefined allows both families. */
export function isOfFamily(host: string, family: AddressFamily | undefined): boolean {
  return family === undefined || (addressFamilyOf(host) ?? family) === family
}

/** Returns the families that are used if `family` is the only one allowed; both for undefined. */
export function familiesOf(family: AddressFamily | undefined): readonly AddressFamily[] {
  return family === undefined ? ADDRESS_FAMILIES : [family]
}
