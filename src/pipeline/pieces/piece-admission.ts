import PQueue from 'p-queue'

/** Pieces that may be active beyond the admitted ones while a reader waits for them. */
const MAX_ADDITIONAL_PIECES = 1

/** Admits pieces to the memory: a task in a p-queue for each. */
export class PieceAdmission {
  readonly #queue: PQueue
  #additional = 0

  /** @param pieces that may be active at once */
  constructor(pieces: number) {
    this.#queue = new PQueue({ concurrency: Math.max(1, pieces) })
  }

  /** The number of pieces that may be active at once. */
  get pieces(): number {
    return this.#queue.concurrency
  }

  set pieces(pieces: number) {
    this.#queue.concurrency = Math.max(1, pieces)
  }

  /** True if pieces wait for admission. */
  get isFull(): boolean {
    return this.#queue.size > 0
  }

  /** Runs a task when a piece is admitted. The place is taken until the promise resolves. */
  add(task: () => Promise<void> | undefined): void {
    void this.#queue.add(async () => task())
  }

  /** Runs the task of a piece that a reader waits for: now, or not at all if the additional place is taken too. */
  addNow(task: () => Promise<void>): void {
    if (this.#queue.pending < this.#queue.concurrency) this.add(task)
    else if (this.#additional < MAX_ADDITIONAL_PIECES) {
      this.#additional++
      void task().finally(() => this.#additional--)
    }
  }

  /** Drops the tasks that wait. */
  clear(): void {
    this.#queue.clear()
  }
}
