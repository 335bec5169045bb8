/** Splits each value of `--tracker` into the URLs of one tier: they are separated by commas. */
export function tiersOf(values: readonly string[]): string[][] {
  return values.map(tier => tier.split(',').map(url => url.trim()))
}
