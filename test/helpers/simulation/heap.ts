/** An entry of a heap. Entries are ordered by `at`, and equal ones by the time of their insertion. */
export interface Ranked {
  at: number
  order: number
  /** Its position in the heap; -1 while it is in none. */
  slot: number
}

/** A heap with removal from the middle in O(log n), because hundreds of peers set and clear timers. */
export class Heap<T extends Ranked> {
  readonly #items: T[] = []

  get size(): number {
    return this.#items.length
  }

  peek(): T | undefined {
    return this.#items[0]
  }

  push(item: T): void {
    this.#items.push(item)
    this.#rise(item, this.#items.length - 1)
  }

  pop(): T | undefined {
    const first = this.#items[0]
    if (first) this.remove(first)
    return first
  }

  remove(item: T): void {
    const { slot } = item
    if (slot < 0) return
    item.slot = -1
    const last = this.#items.pop()!
    if (last === item) return
    this.#sink(last, slot)
    this.#rise(last, last.slot)
  }

  #rise(item: T, slot: number): void {
    while (slot > 0) {
      const parent = (slot - 1) >> 1
      if (before(this.#items[parent]!, item)) break
      this.#put(this.#items[parent]!, slot)
      slot = parent
    }
    this.#put(item, slot)
  }

  #sink(item: T, slot: number): void {
    for (;;) {
      let child = 2 * slot + 1
      const left = this.#items[child]
      if (!left) break
      const right = this.#items[child + 1]
      if (right && before(right, left)) child++
      if (before(item, this.#items[child]!)) break
      this.#put(this.#items[child]!, slot)
      slot = child
    }
    this.#put(item, slot)
  }

  #put(item: T, slot: number): void {
    this.#items[slot] = item
    item.slot = slot
  }
}

function before(a: Ranked, b: Ranked): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}
