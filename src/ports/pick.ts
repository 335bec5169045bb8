/** These options of `from`, without those that were not given. */
export function pick<T, K extends keyof T>(
  from: T,
  ...keys: K[]
): { [key in K]?: Exclude<T[key], undefined> } {
  const entries = keys.flatMap(key => (from[key] === undefined ? [] : [[key, from[key]]]))
  return Object.fromEntries(entries)
}
