import type { MemoryBudget } from './memory-budget.ts'

/** The memory of one torrent: a fixed number of bytes, or its share of a budget, which changes as torrents come and go. */
export class MemoryShare {
  readonly #memory: number | MemoryBudget
  readonly #onChange: (bytes: number) => void

  /** @param onChange called with the bytes whenever the share changes while it is taken */
  constructor(memory: number | MemoryBudget, onChange: (bytes: number) => void) {
    this.#memory = memory
    this.#onChange = onChange
  }

  /** Takes part in the budget until `release`. Idempotent. @returns the bytes of the torrent now */
  take(): number {
    if (typeof this.#memory === 'number') return this.#memory
    this.#memory.add(this, this.#onChange)
    return this.#memory.share
  }

  /** Leaves the budget to other torrents. Idempotent. */
  release(): void {
    if (typeof this.#memory !== 'number') this.#memory.delete(this)
  }
}
