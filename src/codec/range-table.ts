import type { Steps } from './steps.ts'

/** Number of comparisons in one step of sorting. */
const STEP_COMPARISONS = 1 << 15

/** Sorted ranges that do not overlap. A bound is an unsigned number of `words` 32-bit words, most significant first. */
export class RangeTable {
  readonly words: number
  readonly starts: Uint32Array
  readonly ends: Uint32Array

  /** @param starts the lowest number of each range, in ascending order @param ends the greatest, in the same order */
  constructor(words: number, starts: Uint32Array, ends: Uint32Array) {
    this.words = words
    this.starts = starts
    this.ends = ends
  }

  /** The number of ranges. */
  get size(): number {
    return this.starts.length / this.words
  }

  /** Returns true if a range includes a number. */
  has(number: Uint32Array): boolean {
    let low = 0
    let high = this.size
    while (low < high) {
      const middle = (low + high) >>> 1
      if (compare(this.starts, middle, number, 0, this.words) <= 0) low = middle + 1
      else high = middle
    }
    return low > 0 && compare(number, 0, this.ends, low - 1, this.words) <= 0
  }
}

/** Collects ranges in any order for a `RangeTable`. */
export class RangeCollector {
  readonly #words: number
  #starts: Uint32Array
  #ends: Uint32Array
  #size = 0
  #isSorted = true

  constructor(words: number) {
    this.#words = words
    this.#starts = new Uint32Array(words)
    this.#ends = new Uint32Array(words)
  }

  /** The number of ranges. */
  get size(): number {
    return this.#size
  }

  /** Adds a range. Its start is not greater than its end. */
  add(start: Uint32Array, end: Uint32Array): void {
    const at = this.#size++ * this.#words
    if (at === this.#starts.length) {
      this.#starts = doubled(this.#starts)
      this.#ends = doubled(this.#ends)
    }
    this.#starts.set(start, at)
    this.#ends.set(end, at)
    const [starts, words, last] = [this.#starts, this.#words, this.#size - 1]
    if (last > 0 && compare(starts, last - 1, starts, last, words) > 0) this.#isSorted = false
  }

  /** Sorts the ranges, and joins those that overlap. */
  *createTable(): Steps<RangeTable> {
    const [words, starts, ends] = [this.#words, this.#starts, this.#ends]
    const order = Uint32Array.from({ length: this.#size }, (_, index) => index)
    const sorted = this.#isSorted ? order : yield* mergeSort(order, starts, words)
    const table = {
      starts: new Uint32Array(order.length * words),
      ends: new Uint32Array(order.length * words),
    }
    let last = -1
    for (const [step, index] of sorted.entries()) {
      if (step % STEP_COMPARISONS === STEP_COMPARISONS - 1) yield
      const end = ends.subarray(index * words, (index + 1) * words)
      if (last >= 0 && compare(starts, index, table.ends, last, words) <= 0) {
        if (compare(end, 0, table.ends, last, words) > 0) table.ends.set(end, last * words)
        continue
      }
      last++
      table.starts.set(starts.subarray(index * words, (index + 1) * words), last * words)
      table.ends.set(end, last * words)
    }
    const length = (last + 1) * words
    return new RangeTable(words, table.starts.slice(0, length), table.ends.slice(0, length))
  }
}

/** Sorts indexes of numbers, in steps. `Array.prototype.sort` has none. */
function* mergeSort(order: Uint32Array, numbers: Uint32Array, words: number): Steps<Uint32Array> {
  let from: Uint32Array = order
  let to: Uint32Array = new Uint32Array(order.length)
  let comparisons = 0
  for (let width = 1; width < order.length; width *= 2) {
    for (let begin = 0; begin < order.length; begin += 2 * width) {
      const middle = Math.min(begin + width, order.length)
      const end = Math.min(begin + 2 * width, order.length)
      let [left, right] = [begin, middle]
      for (let at = begin; at < end; at++) {
        const takesLeft =
          right >= end || (left < middle && compare(numbers, from[left]!, numbers, from[right]!, words) <= 0)
        to[at] = takesLeft ? from[left++]! : from[right++]!
        if (++comparisons % STEP_COMPARISONS === 0) yield
      }
    }
    ;[from, to] = [to, from]
  }
  return from
}

/** Compares the number at index `i` of `a` with that at index `j` of `b`, as a comparator of `sort` does. */
function compare(a: Uint32Array, i: number, b: Uint32Array, j: number, words: number): number {
  for (let word = 0; word < words; word++) {
    const difference = a[i * words + word]! - b[j * words + word]!
    if (difference !== 0) return difference
  }
  return 0
}

function doubled(array: Uint32Array): Uint32Array<ArrayBuffer> {
  const longer = new Uint32Array(array.length * 2)
  longer.set(array)
  return longer
}
