/** Returns the named properties of `from` that are not undefined. */
export function pick<T, K extends keyof T>(
  from: T,
  ...keys: K[]
): { [key in K]?: Exclude<T[key], undefined> } {
  const entries = keys.flatMap(key => (from[key] === undefined ? [] : [[key, from[key]]]))
  return Object.fromEntries(entries)
}
