/** Fields with plain values. */
type PlainFields = Readonly<Record<string, unknown>>

interface Entry {
  fields: PlainFields
  /** The revision in which each field got its value. */
  readonly revisions: Record<string, number>
}

/** Maximum number of removed keys that are remembered. */
const MAX_REMOVED = 10_000

/**
 * Objects by key, and for each field the revision in which it last changed: so any client gets what changed since its
 * own last revision, and nothing is remembered for a client.
 */
export class RevisionTable {
  readonly #entries = new Map<string, Entry>()
  /** The revisions of removals, the oldest first. */
  readonly #removed = new Map<string, number>()
  /** The changes since earlier revisions are not known. */
  #oldest: number

  constructor(oldest: number) {
    this.#oldest = oldest
  }

  /** The first revision since which all changes are known. */
  get oldest(): number {
    return this.#oldest
  }

  /** Notes the present fields of an object. */
  update(key: string, fields: PlainFields, revision: number): void {
    const entry = this.#entries.get(key)
    if (!entry) {
      const revisions = Object.fromEntries(Object.keys(fields).map(name => [name, revision]))
      this.#entries.set(key, { fields, revisions })
      this.#removed.delete(key)
      return
    }
    for (const name of Object.keys(fields))
      if (fields[name] !== entry.fields[name]) entry.revisions[name] = revision
    entry.fields = fields
  }

  /** Removes all objects but those with these keys. */
  retain(keys: { has(key: string): boolean }, revision: number): void {
    for (const key of this.#entries.keys()) {
      if (keys.has(key)) continue
      this.#entries.delete(key)
      this.#removed.set(key, revision)
    }
    for (const [key, at] of this.#removed) {
      if (this.#removed.size <= MAX_REMOVED) return
      this.#removed.delete(key)
      this.#oldest = at
    }
  }

  /** Yields the keys of objects with changes since a revision, and the changed fields. */
  *changesSince(revision: number): Generator<[key: string, fields: PlainFields]> {
    for (const [key, { fields, revisions }] of this.#entries) {
      const changed = Object.entries(fields).filter(([name]) => revisions[name]! > revision)
      if (changed.length > 0) yield [key, Object.fromEntries(changed)]
    }
  }

  /** Returns the keys that were removed since a revision. */
  removedSince(revision: number): string[] {
    return [...this.#removed].flatMap(([key, at]) => (at > revision ? [key] : []))
  }
}
