import { shuffled } from '../ports/random.ts'

/**
 * Orders the trackers of a torrent (BEP 12).
 *
 * Inputs: the tiers in the torrent, random numbers, and which trackers answered.
 */
export class Tiers<T> {
  readonly #tiers: T[][]

  /** Shuffles every tier. @param random returns a number from 0 to below 1 */
  constructor(tiers: readonly (readonly T[])[], random: () => number) {
    this.#tiers = tiers.filter(tier => tier.length > 0).map(tier => shuffled(tier, random))
  }

  /** Returns all trackers in the order in which they are tried. */
  order(): T[] {
    return this.#tiers.flat()
  }

  /** Moves a tracker that answered to the front of its tier. */
  promote(tracker: T): void {
    const tier = this.#tiers.find(tier => tier.includes(tracker))
    if (!tier || tier[0] === tracker) return
    tier.splice(tier.indexOf(tracker), 1)
    tier.unshift(tracker)
  }
}
