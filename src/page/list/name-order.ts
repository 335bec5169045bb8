import type { ListDocument } from '../../server/page/documents.ts'

const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: 'base' })

/** Compares names as a reader does: `2` before `10`. */
export function compareNames(one: string, other: string): number {
  return collator.compare(one, other)
}

/** The places of torrents in the order of their names. Names change seldom, and comparing them takes most of the time. */
export class NameOrder {
  #names = new Map<string, string>()
  #places = new Map<string, number>()

  /** Returns the place of each torrent, by info-hash. */
  placesOf(torrents: ListDocument['torrents']): ReadonlyMap<string, number> {
    if (!this.#isCurrent(torrents)) this.#sort(torrents)
    return this.#places
  }

  #isCurrent(torrents: ListDocument['torrents']): boolean {
    let count = 0
    for (const infoHash in torrents) {
      if (this.#names.get(infoHash) !== torrents[infoHash]!.name) return false
      count++
    }
    return count === this.#names.size
  }

  #sort(torrents: ListDocument['torrents']): void {
    this.#names = new Map(Object.entries(torrents).map(([infoHash, { name }]) => [infoHash, name]))
    const sorted = [...this.#names].sort(
      ([hash, name], [otherHash, other]) => compareNames(name, other) || (hash < otherHash ? -1 : 1),
    )
    this.#places = new Map(sorted.map(([infoHash], place) => [infoHash, place]))
  }
}
