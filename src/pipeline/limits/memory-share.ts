import { Emitter } from '../../ports/emitter.ts'
import type { MemoryBudget, MemoryUser } from './memory-budget.ts'

export interface MemoryShareEvents {
  /** The share has changed while it is taken. */
  change: [bytes: number]
}

/** The memory of one torrent: a fixed number of bytes, or its share of a budget, which changes as torrents come and go. */
export class MemoryShare extends Emitter<MemoryShareEvents> implements MemoryUser {
  readonly #memory: number | MemoryBudget

  constructor(memory: number | MemoryBudget) {
    super()
    this.#memory = memory
  }

  /** Takes part in the budget until `release`. Idempotent. @returns the bytes of the torrent now */
  take(): number {
    if (typeof this.#memory === 'number') return this.#memory
    this.#memory.add(this)
    return this.#memory.share
  }

  /** Leaves the budget to other torrents. Idempotent. */
  release(): void {
    if (typeof this.#memory !== 'number') this.#memory.delete(this)
  }

  onShare(bytes: number): void {
    this.emit('change', bytes)
  }
}
