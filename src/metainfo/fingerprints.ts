/** A compact map from paths to marks, keyed by 64-bit fingerprints. */

/** A hash of a path, as two halves of 32 bits. */
export interface Fingerprint {
  readonly high: number
  readonly low: number
}

/** Computes a fingerprint of text incrementally. */
export class Fingerprinter {
  #high = 0x9e3779b9
  #low = 0x85ebca6b

  /** Adds text. */
  add(text: string): this {
    let high = this.#high
    let low = this.#low
    for (let at = 0; at < text.length; at++) {
      const code = text.charCodeAt(at)
      high = Math.imul(high ^ code, 2654435761)
      low = Math.imul(low ^ code, 1597334677)
    }
    this.#high = high
    this.#low = low
    return this
  }

  /** Returns a copy, to which other text can be added. */
  copy(): Fingerprinter {
    const copy = new Fingerprinter()
    copy.#high = this.#high
    copy.#low = this.#low
    return copy
  }

  /** The fingerprint of all text added so far. */
  get value(): Fingerprint {
    return { high: mixed(this.#high ^ (this.#low >>> 15)), low: mixed(this.#low ^ (this.#high >>> 13)) }
  }
}

/** The finalizer of MurmurHash3: every bit of the result depends on every bit of `hash`. */
function mixed(hash: number): number {
  let bits = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35)
  return (bits ^ (bits >>> 16)) >>> 0
}

/**
 * Marks by fingerprint. A million of them take 18 MB; a Map of paths would take 150 MB. Two paths with equal
 * fingerprints count as the same path. The probability of such a pair among a million paths is 1 in 40 million.
 */
export class Fingerprints {
  #size = 0
  #shift = 32 - 10
  #high = new Uint32Array(1024)
  #low = new Uint32Array(1024)
  /** The mark of each slot, 0 if the slot is free. */
  #marks = new Uint8Array(1024)
  /** Randomize the slots, so that a torrent cannot choose paths that all collide in one slot. */
  readonly #seeds: readonly [number, number]

  /** @param random returns a number from 0 up to, but not including, 1; it does not affect results */
  constructor(random: () => number = Math.random) {
    this.#seeds = [oddNumber(random), oddNumber(random)]
  }

  /** Returns the mark of a fingerprint, or 0 if it has none. */
  get(print: Fingerprint): number {
    return this.#marks[this.#slotOf(print)]!
  }

  /** Sets the mark of a fingerprint. @param mark from 1 to 255 */
  set(print: Fingerprint, mark: number): void {
    const slot = this.#slotOf(print)
    if (this.#marks[slot] === 0 && ++this.#size > 0.75 * this.#marks.length) {
      this.#grow()
      this.#put(this.#slotOf(print), print, mark)
    } else this.#put(slot, print, mark)
  }

  #put(slot: number, { high, low }: Fingerprint, mark: number): void {
    this.#high[slot] = high
    this.#low[slot] = low
    this.#marks[slot] = mark
  }

  /** Returns the slot of a fingerprint, or a free slot if it has none. */
  #slotOf({ high, low }: Fingerprint): number {
    const [first, second] = this.#seeds
    const last = this.#marks.length - 1
    let slot = (Math.imul(high, first) + Math.imul(low, second)) >>> this.#shift
    while (this.#marks[slot] !== 0 && (this.#high[slot] !== high || this.#low[slot] !== low)) {
      slot = (slot + 1) & last
    }
    return slot
  }

  #grow(): void {
    const before = { high: this.#high, low: this.#low, marks: this.#marks }
    const length = 2 * before.marks.length
    this.#shift--
    this.#high = new Uint32Array(length)
    this.#low = new Uint32Array(length)
    this.#marks = new Uint8Array(length)
    before.marks.forEach((mark, slot) => {
      const print = { high: before.high[slot]!, low: before.low[slot]! }
      if (mark !== 0) this.#put(this.#slotOf(print), print, mark)
    })
  }
}

function oddNumber(random: () => number): number {
  return Math.floor(random() * 2 ** 32) | 1
}
