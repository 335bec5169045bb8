import { zonelessBytes } from '../codec/index.ts'
import { InputError } from '../errors.ts'

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
 * @throws InputError if both are the only one, or if `--bind` is an address of the other family
 */
export function addressFamilyFor({ bind, ipv4, ipv6 }: FamilyOptions): 4 | 6 | undefined {
  if (ipv4 && ipv6) throw new InputError('ERR_USAGE', '--ipv4 and --ipv6 exclude each other')
  const family = ipv4 ? 4 : ipv6 ? 6 : undefined
  if (bind === undefined || family === undefined) return family
  const bytes = zonelessBytes(bind)
  if (bytes?.length === (family === 4 ? 4 : 16)) return family
  throw new InputError('ERR_USAGE', `--bind: ${bind} is not an IPv${family} address (--ipv${family})`)
}
