const BYTE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB']

/** Returns a number of bytes with its unit. */
export function bytesOf(count: number): string {
  const power = Math.min(BYTE_UNITS.length - 1, Math.max(0, Math.floor(Math.log2(Math.max(1, count)) / 10)))
  const value = count / 1024 ** power
  return `${power === 0 ? Math.round(value) : Number(value.toPrecision(3))} ${BYTE_UNITS[power]}`
}

/** Returns bytes per second with their unit. */
export function rateOf(bytesPerSecond: number): string {
  return `${bytesOf(bytesPerSecond)}/s`
}

/** Returns milliseconds with their unit. */
export function millisecondsOf(ms: number): string {
  return ms >= 1000 ? `${Number((ms / 1000).toPrecision(2))} s` : `${Math.max(1, Math.round(ms))} ms`
}

/** Returns a share in percent. */
export function percentOf(share: number): string {
  return `${Math.round(share * 100)} %`
}
