import ms from 'ms'
import { InputError } from '../errors.ts'

const UNIT_BYTES: Readonly<Record<string, number>> = {
  '': 1,
  k: 1024,
  m: 1024 ** 2,
  g: 1024 ** 3,
  t: 1024 ** 4,
}

/**
 * Parses a size or a rate: `500K`, `2M`, `1.5GiB`. Units are powers of 1024, as in curl; `KB` and `MB` are powers of 1000.
 * @returns bytes, at least 1
 */
export function parseSize(value: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*(?:([kmgt])(i?b)?|b)?$/i.exec(value.trim())
  const unit = match?.[2]?.toLowerCase() ?? ''
  const decimal = match?.[3]?.toLowerCase() === 'b'
  const factor = decimal ? 1000 ** ' kmgt'.indexOf(unit) : UNIT_BYTES[unit]!
  const bytes = match ? Math.round(Number(match[1]) * factor) : 0
  if (!Number.isSafeInteger(bytes) || bytes < 1) {
    throw new InputError(
      'ERR_USAGE',
      `not a size: ${JSON.stringify(value)}; write it like 500K, 2M or 1.5GiB`,
    )
  }
  return bytes
}

/** Parses a duration: `30s`, `10m`, `1h`. A number alone is seconds. @returns milliseconds; 0 is never */
export function parseDuration(value: string): number {
  const text = value.trim()
  const isValid = /^\d+(\.\d+)?\s*(ms|s|m|h|d)?$/i.test(text)
  const duration = isValid ? ms((/\d$/.test(text) ? `${text}s` : text) as ms.StringValue) : Number.NaN
  if (!Number.isFinite(duration)) {
    throw new InputError(
      'ERR_USAGE',
      `not a duration: ${JSON.stringify(value)}; write it like 30s, 10m or 1h`,
    )
  }
  return duration
}

/** Parses a ratio: `1`, `2.5`, `0`. */
export function parseRatio(value: string): number {
  const ratio = /^\d+(\.\d+)?$/.test(value.trim()) ? Number(value) : Number.NaN
  if (Number.isFinite(ratio)) return ratio
  throw new InputError('ERR_USAGE', `not a ratio: ${JSON.stringify(value)}; write it like 1 or 2.5`)
}

/** Returns a parser of whole numbers from `min` to `max`. */
export function parseWhole(min: number, max: number) {
  return (value: string): number => {
    const number = /^\d+$/.test(value) ? Number(value) : Number.NaN
    if (number >= min && number <= max) return number
    throw new InputError('ERR_USAGE', `not a whole number from ${min} to ${max}: ${JSON.stringify(value)}`)
  }
}
