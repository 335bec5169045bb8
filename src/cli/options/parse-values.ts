/** Parsers of values that several options have. */
import { zonelessBytes } from '../../codec/index.ts'
import { InputError } from '../../errors.ts'
import { trackerFault, webSeedFault } from '../../metainfo/index.ts'

/** Parses a text that must not be empty. */
export function parseText(text: string): string {
  if (text === '') throw new InputError('ERR_USAGE', 'it is empty')
  return text
}

/** Parses an IP address of this machine, with or without a zone. */
export function parseIp(text: string): string {
  if (zonelessBytes(text)) return text
  throw new InputError('ERR_USAGE', 'expected an IP address of this machine')
}

/** Parses the URL of a web seed. */
export function parseWebSeed(text: string): string {
  const fault = webSeedFault(text)
  if (fault === undefined) return text
  throw new InputError('ERR_USAGE', `it ${fault}`)
}

/** Parses the URL of a tracker. */
export function parseTracker(text: string): string {
  const fault = trackerFault(text)
  if (fault === undefined) return text
  throw new InputError('ERR_USAGE', `it ${fault}`)
}

/** Parses a header of a request: `Name: value`. */
export function parseHeader(text: string): readonly [name: string, value: string] {
  const [, name, value] = /^([!#$%&'*+.^_`|~\w-]+):[ \t]*([^\r\n\0]*)$/.exec(text) ?? []
  if (name !== undefined && value !== undefined) return [name, value]
  throw new InputError('ERR_USAGE', 'expected a header such as "Authorization: Bearer TOKEN"')
}

/** Parses the expected digest of a file: `sha256:HEX`. Returns it in lower case. */
export function parseChecksum(text: string): string {
  const [, hex] = /^sha-?256[:=]([0-9a-f]{64})$/i.exec(text) ?? []
  if (hex !== undefined) return hex.toLowerCase()
  throw new InputError('ERR_USAGE', 'expected sha256: and 64 hex digits')
}

/** Ports to listen on, of which the first free one is used. */
export interface PortRange {
  readonly port: number
  readonly lastPort: number
}

/** Parses a port, or a range such as `6881-6889`. */
export function parsePorts(text: string): PortRange {
  const [, first, last = first] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text) ?? []
  const [port, lastPort] = [Number(first), Number(last)]
  if (port >= 1 && port <= lastPort && lastPort <= 65_535) return { port, lastPort }
  throw new InputError('ERR_USAGE', `not a port or a range of ports from 1 to 65535: ${JSON.stringify(text)}`)
}
