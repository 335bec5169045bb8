/** Returns the named properties of `from` that are not undefined. */
export function pick<T, K extends keyof T>(
  from: T,
  ...keys: K[]
): { [key in K]?: Exclude<T[key], undefined> } {
  // a loop, since this is called several times for each of thousands of torrents
  const picked: Partial<Pick<T, K>> = {}
  for (const key of keys) if (from[key] !== undefined) picked[key] = from[key]
  return picked as { [key in K]?: Exclude<T[key], undefined> }
}
