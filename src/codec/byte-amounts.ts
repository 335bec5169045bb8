/** Amounts of bytes as text, the same in the terminal, in sentences and on the page. */

const BYTE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']
const UNIT_RATIO = 1024

/**
 * Returns a number of bytes with a binary unit. It has three digits, so that the columns of a changing number stay, and none
 * after the point if it is exact: `1.50 GiB`, `12.3 MiB`, `64 MiB`.
 */
export function formatBytes(bytes: number): string {
  let unit = 0
  let value = Math.round(bytes)
  while (value >= 999.5 && unit < BYTE_UNITS.length - 1) value = bytes / UNIT_RATIO ** ++unit
  return `${Number.isInteger(value) ? value : withDigits(value)} ${BYTE_UNITS[unit]}`
}

/** Returns bytes per second with their unit: `1.23 MiB/s`. */
export function formatByteRate(bytesPerSecond: number): string {
  return `${formatBytes(bytesPerSecond)}/s`
}

function withDigits(value: number): string {
  return value >= 99.95 ? String(Math.round(value)) : value.toFixed(value >= 9.995 ? 1 : 2)
}
