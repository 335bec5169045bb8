/** Checks arguments of the public API, so that an invalid one is an InputError that names it. */
import { InputError } from '../errors.ts'
import { zonelessBytes } from './address-bytes.ts'
import { type AddressFamily, isOfFamily } from './address-family.ts'
import { AddressRanges } from './address-ranges.ts'
import { describeValue } from './quote.ts'

/** A requirement of an argument: the end of the sentence "expected ...", and the test. */
const ARGUMENT_CHECKS = {
  boolean: ['true or false', value => typeof value === 'boolean'],
  text: ['a text that is not empty', value => typeof value === 'string' && value !== ''],
  string: ['a text', value => typeof value === 'string'],
  iterable: ['an iterable', value => isObject(value) && Symbol.iterator in (value as object)],
  function: ['a function', value => typeof value === 'function'],
  object: ['an object', isObject],
  number: ['a number of at least 0', value => typeof value === 'number' && value >= 0],
  whole: ['a whole number of at least 0', value => isWhole(value, 0)],
  positive: ['a whole number of at least 1', value => isWhole(value, 1)],
  port: ['a port from 0 to 65535', value => isWhole(value, 0, 65_535)],
  value: ['a number, a text, bytes, an array or an object', isEncodable],
  bytes: ['bytes in a Uint8Array', value => value instanceof Uint8Array],
  id: ['20 bytes in a Uint8Array', value => value instanceof Uint8Array && value.length === 20],
  address: ['an IP address of this machine', value => typeof value === 'string' && isIp(value)],
  addresses: ['an array of { host, port }', value => Array.isArray(value) && value.every(isAddress)],
  blocklist: ['a path, a URL or an AddressRanges', isBlocklist],
  array: ['an array', value => Array.isArray(value)],
  encryption: [
    "'prefer', 'require' or 'off'",
    value => ['prefer', 'require', 'off'].includes(value as string),
  ],
  family: ['4 or 6', value => value === 4 || value === 6],
  signal: ['an AbortSignal', value => value instanceof AbortSignal],
} satisfies Record<string, readonly [expected: string, test: (value: unknown) => boolean]>

/** A kind of argument. */
export type ArgumentKind = keyof typeof ARGUMENT_CHECKS

/**
 * Checks one argument.
 * @throws InputError ERR_USAGE that begins with `name`
 */
export function checkArgument(name: string, value: unknown, kind: ArgumentKind): void {
  const [expected, test] = ARGUMENT_CHECKS[kind]
  if (test(value)) return
  throw new InputError('ERR_USAGE', `${name}: expected ${expected}, got ${describeValue(value)}`)
}

/**
 * Checks the options that are present.
 * @throws InputError ERR_USAGE that begins with the name of the first invalid option
 */
export function checkOptions(options: unknown, kinds: Readonly<Record<string, ArgumentKind>>): void {
  checkArgument('options', options, 'object')
  for (const [name, kind] of Object.entries(kinds)) {
    const value = (options as Readonly<Record<string, unknown>>)[name]
    if (value !== undefined) checkArgument(name, value, kind)
  }
}

/**
 * Checks options that have to be present.
 * @throws InputError ERR_USAGE that begins with the name of the first invalid or missing option
 */
export function checkRequired(options: unknown, kinds: Readonly<Record<string, ArgumentKind>>): void {
  checkArgument('options', options, 'object')
  for (const [name, kind] of Object.entries(kinds))
    checkArgument(name, (options as Readonly<Record<string, unknown>>)[name], kind)
}

/**
 * Checks that an address of this machine is of the only address family that is used.
 * @throws InputError ERR_USAGE that begins with `bind`
 */
export function checkBind(bind: string | undefined, family: AddressFamily | undefined): void {
  if (bind === undefined || isOfFamily(bind, family)) return
  throw new InputError('ERR_USAGE', `bind: expected an IPv${family} address, got ${describeValue(bind)}`)
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null
}

function isEncodable(value: unknown): boolean {
  return ['number', 'bigint', 'string'].includes(typeof value) || isObject(value)
}

function isBlocklist(value: unknown): boolean {
  return value instanceof AddressRanges || (typeof value === 'string' && value !== '')
}

function isWhole(value: unknown, min: number, max = Number.MAX_SAFE_INTEGER): boolean {
  return Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max
}

/** A link-local address may have a zone, such as `fe80::1%eth0`. */
function isIp(value: string): boolean {
  return zonelessBytes(value) !== undefined
}

function isAddress(value: unknown): boolean {
  const { host, port } = (value ?? {}) as { readonly host?: unknown; readonly port?: unknown }
  return typeof host === 'string' && host !== '' && isWhole(port, 1, 65_535)
}
