import type { Block } from '../piece-buffer.ts'
import { type Done, Readable, type Sink, Writable } from '../stage.ts'

const weight = () => 1024

/**
 * The one joint: every peer's blocks go in by an inlet of its own, one stream comes out.
 *
 * in            inlet(): a Writable of Block for each peer; its end or its failure stays its own
 * out           Block, in the order of arrival
 * backpressure  inlets wait while 64 blocks do
 * fails with    nothing of its own
 *
 * Piping two sources into one sink would end it with the first of them, and destroy it with any.
 */
export class Funnel extends Readable<Block> {
  readonly #waiting: Done[] = []
  #full = false
  #ended = false

  constructor() {
    super({ highWaterMark: 64 * weight(), byteLength: weight })
  }

  /** A new way in, for one peer. */
  inlet(): Sink<Block> {
    return new Inlet((block, done) => {
      if (this.destroying || this.#ended || this.push(block)) done()
      else {
        this.#full = true
        this.#waiting.push(done)
      }
    })
  }

  /** No more blocks will come: what an inlet takes from now on goes nowhere. */
  end(): void {
    this.#ended = true
    this.push(null)
    this.#proceed()
  }

  override _read(done: Done): void {
    if (this.#full) this.#proceed()
    done()
  }

  override _predestroy(): void {
    this.#proceed()
  }

  #proceed(): void {
    this.#full = false
    for (const done of this.#waiting.splice(0)) done()
  }
}

class Inlet extends Writable<Block> {
  readonly #put: (block: Block, done: Done) => void

  constructor(put: (block: Block, done: Done) => void) {
    super({ highWaterMark: 64 * weight(), byteLength: weight })
    this.#put = put
  }

  override _write(block: Block, done: Done): void {
    this.#put(block, done)
  }
}
