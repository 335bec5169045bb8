import { type Field, flag, list, number, text, whole } from '../../session/records/fields.ts'
import type { Parameters } from './rpc-context.ts'

/** Maximum number of files or other items in one request. */
const MAX_ITEMS = 500_000

/** Returns a parameter, or undefined if it is missing. @throws InputError that names it if it is invalid */
export function read<T>(parameters: Parameters, name: string, field: Field<T>): T | undefined {
  const value = parameters[name]
  return value === undefined || value === null ? undefined : field(value, name)
}

/** True, false, or one of the numbers that old clients send for them. */
export const loose: Field<boolean> = (value, name) =>
  value === 0 || value === 1 ? value === 1 : flag(value, name)

/** A number of at least 0. */
export const amount: Field<number> = (value, name) => Math.max(0, number(value, name))

/** Indices of files or trackers. */
export const indices = list(whole, MAX_ITEMS)

/** Texts, such as labels and URLs. */
export const texts = list(text(), 1000)
