import type { Block } from '../piece-buffer.ts'
import { type Done, Readable, type Sink, Writable } from '../stage.ts'

const weightOf = () => 1024

/**
 * Joins the blocks of all peers: each peer writes to its own inlet, and one stream comes out.
 *
 * in            inlet(): a Writable of Block for each peer; its end or error does not affect the others
 * out           Block, in the order of arrival
 * backpressure  inlets wait while 64 blocks wait
 * fails with    nothing of its own
 *
 * A sink that two sources are piped into ends with the first of them, and is destroyed by either.
 */
export class Funnel extends Readable<Block> {
  readonly #waiting: Done[] = []
  #isFull = false
  #hasEnded = false

  constructor() {
    super({ highWaterMark: 64 * weightOf(), byteLength: weightOf })
  }

  /** Creates an inlet for one peer. */
  inlet(): Sink<Block> {
    return new Inlet((block, done) => {
      if (this.destroying || this.#hasEnded || this.push(block)) done()
      else {
        this.#isFull = true
        this.#waiting.push(done)
      }
    })
  }

  /** Ends the stream. Later blocks are dropped. */
  end(): void {
    this.#hasEnded = true
    this.push(null)
    this.#releaseInlets()
  }

  override _read(done: Done): void {
    if (this.#isFull) this.#releaseInlets()
    done()
  }

  override _predestroy(): void {
    this.#releaseInlets()
  }

  #releaseInlets(): void {
    this.#isFull = false
    for (const done of this.#waiting.splice(0)) done()
  }
}

class Inlet extends Writable<Block> {
  readonly #put: (block: Block, done: Done) => void

  constructor(put: (block: Block, done: Done) => void) {
    super({ highWaterMark: 64 * weightOf(), byteLength: weightOf })
    this.#put = put
  }

  override _write(block: Block, done: Done): void {
    this.#put(block, done)
  }
}
