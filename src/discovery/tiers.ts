import { shuffled } from '../ports/random.ts'

/**
 * Which tracker is asked before which (BEP 12). Depends on: the tiers as the torrent gives them, chance,
 * and which trackers answered.
 */
export class Tiers<T> {
  readonly #tiers: T[][]

  /** Shuffles every tier; `random` answers 0 <= x < 1. */
  constructor(tiers: readonly (readonly T[])[], random: () => number) {
    this.#tiers = tiers.filter(tier => tier.length > 0).map(tier => shuffled(tier, random))
  }

  /** All trackers in the order to try: a tier comes up only when all of those before have failed. */
  order(): T[] {
    return this.#tiers.flat()
  }

  /** Moves one that answered to the front of its tier. */
  promote(tracker: T): void {
    const tier = this.#tiers.find(tier => tier.includes(tracker))
    if (!tier) return
    tier.splice(tier.indexOf(tracker), 1)
    tier.unshift(tracker)
  }
}
