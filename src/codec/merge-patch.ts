/** Differences between JSON objects (RFC 7396). Values contain no null, which means "removed" in a patch. */

/** A JSON object without null. Arrays are compared and replaced as a whole. */
export type JsonObject = { readonly [key: string]: JsonValue | undefined }
export type JsonValue = string | number | boolean | readonly JsonValue[] | JsonObject

/** A patch: changed values, objects with their changed values, and null for what was removed. */
export type MergePatch = { readonly [key: string]: JsonValue | MergePatch | null }

/**
 * Returns the patch that turns `before` into `after`, or undefined if they are equal. Identical objects cost nothing.
 */
export function createMergePatch(before: JsonObject, after: JsonObject): MergePatch | undefined {
  if (before === after) return undefined
  let patch: Record<string, JsonValue | MergePatch | null> | undefined
  for (const key in after) {
    const now = after[key]
    const previous = before[key]
    if (now === previous || now === undefined) continue
    const change = isJsonObject(now) && isJsonObject(previous) ? createMergePatch(previous, now) : now
    if (change === undefined || (Array.isArray(now) && isSameJson(now, previous))) continue
    patch ??= {}
    patch[key] = change
  }
  for (const key in before) {
    if (before[key] === undefined || after[key] !== undefined) continue
    patch ??= {}
    patch[key] = null
  }
  return patch
}

/** Returns an object with a patch applied. Objects without changes are those of `before`. */
export function applyMergePatch<T extends JsonObject>(before: T, patch: MergePatch): T {
  const after: Record<string, JsonValue | undefined> = { ...before }
  for (const [key, change] of Object.entries(patch)) {
    const previous = before[key]
    if (change === null) delete after[key]
    else if (isJsonObject(change))
      after[key] = applyMergePatch(isJsonObject(previous) ? previous : {}, change as MergePatch)
    else after[key] = change as JsonValue
  }
  return after as T
}

function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isSameJson(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other)
}
