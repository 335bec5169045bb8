/** 64 bits of each path in place of the path. */

/** Bits of a path, in two halves of 32. */
export interface Fingerprint {
  readonly high: number
  readonly low: number
}

/** Makes fingerprints of text, character by character. */
export class Fingerprinter {
  #high = 0x9e3779b9
  #low = 0x85ebca6b

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

  /** Of what was added so far. */
  get value(): Fingerprint {
    return { high: mixed(this.#high ^ (this.#low >>> 15)), low: mixed(this.#low ^ (this.#high >>> 13)) }
  }
}

/** Every bit of the result depends on every bit of `hash` (the finalizer of MurmurHash3). */
function mixed(hash: number): number {
  let bits = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35)
  return (bits ^ (bits >>> 16)) >>> 0
}

/**
 * Marks by fingerprint: a million take 18 MB, where a Map of paths takes 150. Two paths whose fingerprints are equal
 * would be taken for one; among a million paths the chance of such a pair is 1 in 40 million.
 */
export class Fingerprints {
  #size = 0
  #shift = 32 - 10
  #high = new Uint32Array(1024)
  #low = new Uint32Array(1024)
  /** 0 where nothing is. */
  #marks = new Uint8Array(1024)
  /** Decide where fingerprints are kept, so that a torrent cannot choose paths which are all looked for in one place. */
  readonly #seeds: readonly [number, number]

  /** @param random from 0 to below 1; it changes no result */
  constructor(random: () => number = Math.random) {
    this.#seeds = [oddNumber(random), oddNumber(random)]
  }

  /** The mark at a fingerprint, 0 if there is none. */
  get(print: Fingerprint): number {
    return this.#marks[this.#slotOf(print)]!
  }

  /** @param mark from 1 to 255 */
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

  /** Where a fingerprint is, or would be. */
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
