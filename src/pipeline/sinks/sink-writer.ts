import { finished } from 'node:stream'
import { StorageError } from '../../errors.ts'
import type { Spill } from '../../streams/read/spill.ts'
import { isStage, type Sink, type Stage, waitForDrain } from '../../streams/stage.ts'

/** A Writable of Node, or of streamx as the stages are. */
export type AnyWritable = NodeJS.WritableStream | Sink<Uint8Array>

/** Writes to one sink of several. */
export class SinkWriter {
  /** Resolves when the sink has finished after the last byte; otherwise rejects with the reason. */
  readonly done: Promise<void>
  readonly #sink: AnyWritable
  /** The stage that is written to: the sink, or the spill before it. */
  readonly #entry: AnyWritable
  #isEnded = false
  #closed = false
  #proceed: (() => void) | undefined

  /** @param before keeps the backlog of a slow sink */
  constructor(sink: AnyWritable, before?: Spill) {
    this.#sink = sink
    this.#entry = before ?? sink
    this.done = new Promise<void>((resolve, reject) => {
      const settle = (error?: Error | null) => {
        this.#closed = true
        this.#proceed?.()
        if (error) {
          before?.destroy(error)
          reject(error)
        } else if (this.#isEnded) resolve()
        else settle(new StorageError('ERR_ABORTED', 'the sink was closed before its end'))
      }
      if (isStage(sink)) whenClosed(sink, settle)
      else finished(sink, { readable: false }, settle)
    })
    sink.on('error', () => {}) // `done` has it
    before?.on('error', () => {})
    before?.pipe(sink as Sink<Uint8Array>)
  }

  get closed(): boolean {
    return this.#closed
  }

  /**
   * Writes a chunk.
   * @param taken called once, when the sink no longer needs the memory, or is closed
   * @returns a promise to wait for before the next chunk, if the sink is slow
   */
  write(chunk: Uint8Array, taken: () => void): Promise<void> | undefined {
    const entry = this.#entry
    if (this.#closed) {
      taken()
      return undefined
    }
    const more = isStage(entry) ? entry.write(chunk) : entry.write(chunk, taken)
    if (isStage(entry)) waitForDrain(entry).then(taken)
    if (more) return undefined
    return new Promise(resolve => {
      this.#proceed = resolve
      entry.once('drain', resolve)
    })
  }

  /** Ends the sink after the last chunk. */
  end(): void {
    this.#isEnded = true
    if (!this.#closed) this.#entry.end()
  }

  /** Destroys the sink with an error. */
  destroy(error: Error): void {
    if (!this.#closed) (this.#sink as Stage).destroy(error)
  }
}

/** Calls `call` once: when a stage has finished, or has closed before that. */
function whenClosed(stage: Stage, call: (error?: Error) => void): void {
  let failure: Error | undefined
  let finished = false
  const early = () => call(failure ?? new StorageError('ERR_ABORTED', 'the sink was closed before its end'))
  stage.on('error', error => {
    failure = error
  })
  stage.on('finish', () => {
    finished = true
    if ('read' in stage) call() // its readable side belongs to another reader
  })
  stage.on('close', () => (finished ? call() : early()))
  if (stage.destroyed) queueMicrotask(early)
}
