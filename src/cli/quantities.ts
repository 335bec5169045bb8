import ms from 'ms'
import { InputError } from '../errors.ts'

const UNITS: Readonly<Record<string, number>> = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3, t: 1024 ** 4 }

/**
 * Reads a size or a rate: `500K`, `2M`, `1.5GiB`; units are powers of 1024, as in curl, but `KB`, `MB` of 1000.
 * @returns bytes, at least 1
 */
export function parseSize(value: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*(?:([kmgt])(i?b)?|b)?$/i.exec(value.trim())
  const unit = match?.[2]?.toLowerCase() ?? ''
  const decimal = match?.[3]?.toLowerCase() === 'b'
  const factor = decimal ? 1000 ** ' kmgt'.indexOf(unit) : UNITS[unit]!
  const bytes = match ? Math.round(Number(match[1]) * factor) : 0
  if (!Number.isSafeInteger(bytes) || bytes < 1) {
    throw new InputError(
      'ERR_USAGE',
      `not a size: ${JSON.stringify(value)}; write it like 500K, 2M or 1.5GiB`,
    )
  }
  return bytes
}

/** Reads a duration: `30s`, `10m`, `1h`; a number alone is seconds. @returns milliseconds, 0 for never */
export function parseDuration(value: string): number {
  const text = value.trim()
  const known = /^\d+(\.\d+)?\s*(ms|s|m|h|d)?$/i.test(text)
  const duration = known ? ms((/\d$/.test(text) ? `${text}s` : text) as ms.StringValue) : Number.NaN
  if (!Number.isFinite(duration)) {
    throw new InputError(
      'ERR_USAGE',
      `not a duration: ${JSON.stringify(value)}; write it like 30s, 10m or 1h`,
    )
  }
  return duration
}

/** Reads a ratio: `1`, `2.5`; 0 is none at all. */
export function parseRatio(value: string): number {
  const ratio = /^\d+(\.\d+)?$/.test(value.trim()) ? Number(value) : Number.NaN
  if (Number.isFinite(ratio)) return ratio
  throw new InputError('ERR_USAGE', `not a ratio: ${JSON.stringify(value)}; write it like 1 or 2.5`)
}

/** Reads a whole number between two bounds. */
export function parseWhole(least: number, most: number) {
  return (value: string): number => {
    const number = /^\d+$/.test(value) ? Number(value) : Number.NaN
    if (number >= least && number <= most) return number
    throw new InputError('ERR_USAGE', `not a whole number from ${least} to ${most}: ${JSON.stringify(value)}`)
  }
}
