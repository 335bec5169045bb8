/** Parsers of values that several options have. */
import { addressBytes } from '../../codec/index.ts'
import { InputError } from '../../errors.ts'
import { webSeedFault } from '../../metainfo/index.ts'

/** Parses a text that must not be empty. */
export function parseText(text: string): string {
  if (text === '') throw new InputError('ERR_USAGE', 'it is empty')
  return text
}

/** Parses an IP address of this machine, with or without a zone. */
export function parseIp(text: string): string {
  if (addressBytes(text.replace(/%.*$/, ''))) return text
  throw new InputError('ERR_USAGE', 'expected an IP address of this machine')
}

/** Parses the URL of a web seed. */
export function parseWebSeed(text: string): string {
  const fault = webSeedFault(text)
  if (fault === undefined) return text
  throw new InputError('ERR_USAGE', `it ${fault}`)
}
