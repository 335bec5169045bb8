/** Returns milliseconds with their unit. */
export function millisecondsOf(ms: number): string {
  return ms >= 1000 ? `${Number((ms / 1000).toPrecision(2))} s` : `${Math.max(1, Math.round(ms))} ms`
}

/** Returns a share in percent. */
export function percentOf(share: number): string {
  return `${Math.round(share * 100)} %`
}
