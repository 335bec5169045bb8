/** Reads values of unknown type, such as parsed JSON, into checked fields. */
import { describeValue } from '../../codec/quote.ts'
import { InputError } from '../../errors.ts'

/** Returns a value as a field of this type. @throws InputError ERR_USAGE that begins with `name` */
export type Field<T> = (value: unknown, name: string) => T

/** The type of the values that a field returns. */
export type ValueOf<F> = F extends Field<infer T> ? T : never

/** A value that can be switched off and keeps its number meanwhile. */
export interface Limit {
  readonly enabled: boolean
  readonly value: number
}

/** True or false. */
export const flag: Field<boolean> = checkedField('true or false', value => typeof value === 'boolean')

/** A whole number of at least 0. */
export const whole: Field<number> = checkedField(
  'a whole number of at least 0',
  value => Number.isSafeInteger(value) && (value as number) >= 0,
)

/** Any finite number. */
export const number: Field<number> = checkedField('a number', value => Number.isFinite(value))

/** A finite number of at least 0. */
export const quantity: Field<number> = checkedField(
  'a number of at least 0',
  value => Number.isFinite(value) && (value as number) >= 0,
)

/** A text of at most `length` characters. */
export const text = (length = 4096): Field<string> =>
  checkedField(
    `a text of at most ${length} characters`,
    value => typeof value === 'string' && value.length <= length,
  )

/** One of some texts. */
export const oneOf = <const T extends string>(...allowed: readonly T[]): Field<T> =>
  checkedField(`one of ${allowed.join(', ')}`, value => allowed.includes(value as T))

/** An array of at most `length` values. */
export const list =
  <T>(item: Field<T>, length = 1000): Field<readonly T[]> =>
  (value, name) => {
    if (!Array.isArray(value) || value.length > length)
      throw unexpected(name, value, `an array of at most ${length}`)
    return value.map((entry, index) => item(entry, `${name}[${index}]`))
  }

/** An object with free keys, with at most `length` entries. */
export const dictionary =
  <T>(item: Field<T>, length = 1000): Field<Readonly<Record<string, T>>> =>
  (value, name) => {
    const entries = Object.entries(objectOf(value, name))
    if (entries.length > length) throw unexpected(name, value, `at most ${length} entries`)
    return Object.fromEntries(entries.map(([key, entry]) => [key, item(entry, `${name}.${key}`)]))
  }

/** A value that may be null. */
export const nullable =
  <T>(field: Field<T>): Field<T | null> =>
  (value, name) =>
    value === null ? null : field(value, name)

/** A value that records of older versions do not have. */
export const withDefault =
  <T>(field: Field<T>, value: T): Field<T> =>
  (given, name) =>
    given === undefined ? value : field(given, name)

type FieldTable = Readonly<Record<string, Field<unknown>>>
type ValuesOf<F extends FieldTable> = { readonly [K in keyof F]: ValueOf<F[K]> }

/** An object with these fields, all of them required. Other keys are left out. */
export const object =
  <F extends FieldTable>(fields: F): Field<ValuesOf<F>> =>
  (value, name) => {
    const given = objectOf(value, name)
    return Object.fromEntries(
      Object.entries(fields).map(([key, field]) => [key, field(given[key], `${name}.${key}`)]),
    ) as ValuesOf<F>
  }

/** Returns the fields that are present in `changes`. @throws InputError ERR_USAGE for an unknown or invalid one */
export function readChanges<F extends FieldTable>(
  fields: F,
  changes: unknown,
  name: string,
): Partial<ValuesOf<F>> {
  const entries = Object.entries(objectOf(changes, name)).filter(([, value]) => value !== undefined)
  return Object.fromEntries(
    entries.map(([key, value]) => {
      const field = Object.hasOwn(fields, key) ? fields[key] : undefined
      if (!field) throw new InputError('ERR_USAGE', `${key}: unknown option`)
      return [key, field(value, key)]
    }),
  ) as Partial<ValuesOf<F>>
}

/** A number that can be switched off. */
export const limit: Field<Limit> = object({ enabled: flag, value: quantity })

/** Returns bytes per second. A limit of 0 lets a first block pass and hardly anything after it. */
export function rateOf({ enabled, value }: Limit): number {
  return enabled ? Math.max(1, value) : Number.POSITIVE_INFINITY
}

function checkedField<T>(expected: string, accepts: (value: unknown) => boolean): Field<T> {
  return (value, name) => {
    if (!accepts(value)) throw unexpected(name, value, expected)
    return value as T
  }
}

function objectOf(value: unknown, name: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw unexpected(name, value, 'an object')
  return value as Readonly<Record<string, unknown>>
}

function unexpected(name: string, value: unknown, expected: string): InputError {
  const got = value === undefined ? 'nothing' : describeValue(value)
  return new InputError('ERR_USAGE', `${name}: expected ${expected}, got ${got}`)
}
