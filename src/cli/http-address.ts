import { quote } from '../codec/index.ts'
import { InputError } from '../errors.ts'
import { parseAddress } from '../index.ts'

/** The address that the HTTP server listens at. */
export interface HttpAddress {
  readonly host: string
  /** 0 for a free port. */
  readonly port: number
}

/** The default address: a fixed port, so that bookmarks and playlists stay valid. */
export const DEFAULT_HTTP_ADDRESS: HttpAddress = { host: '127.0.0.1', port: 8642 }

/** Parses `HOST:PORT`, `[IPV6]:PORT`, or a port alone, which means loopback. Port 0 stands for a free port. */
export function parseHttpAddress(value: string): HttpAddress {
  const match = /^(?:(.+):)?(\d{1,5})$/.exec(value)
  const port = Number(match?.[2])
  if (!match || port > 65535)
    throw new InputError('ERR_USAGE', `expected HOST:PORT, [IPV6]:PORT or PORT, got ${quote(value)}`)
  const host = match[1] === undefined ? DEFAULT_HTTP_ADDRESS.host : parseAddress(`${match[1]}:1`).host
  return { host, port }
}
