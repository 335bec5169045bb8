import { parseAddress } from '../codec/compact.ts'
import { quote } from '../codec/quote.ts'
import { InputError } from '../errors.ts'

/** Where HTTP is served. */
export interface HttpAddress {
  readonly host: string
  /** 0 for one that is free. */
  readonly port: number
}

/** Where it is served unless told otherwise: always the same, so that a bookmark, or a player's list, stays good. */
export const HTTP_ADDRESS: HttpAddress = { host: '127.0.0.1', port: 8642 }

/** Reads `HOST:PORT`, `[IPV6]:PORT`, or a port alone, then on loopback; port 0 is one that is free. */
export function parseHttpAddress(value: string): HttpAddress {
  const match = /^(?:(.+):)?(\d{1,5})$/.exec(value)
  const port = Number(match?.[2])
  if (!match || port > 65535)
    throw new InputError('ERR_USAGE', `expected HOST:PORT, [IPV6]:PORT or PORT, got ${quote(value)}`)
  const host = match[1] === undefined ? HTTP_ADDRESS.host : parseAddress(`${match[1]}:1`).host
  return { host, port }
}
