/** Reports an irregularity that did not prevent parsing, as one sentence. */
export type Warn = (sentence: string) => void

/** Maximum number of warnings for a torrent. A hostile torrent could cause a million. */
const MAX_WARNINGS = 100

/** Collects up to 100 warnings and counts the rest. */
export class Warnings {
  readonly #sentences: string[] = []
  #omittedCount = 0

  /** Adds a warning. It is bound, so it can be passed as a function. */
  readonly warn: Warn = sentence => {
    if (this.#sentences.length < MAX_WARNINGS) this.#sentences.push(sentence)
    else this.#omittedCount++
  }

  /** Returns the warnings so far, and a summary if there were more. */
  list(): string[] {
    return this.#omittedCount === 0
      ? [...this.#sentences]
      : [...this.#sentences, `and ${this.#omittedCount} more warnings`]
  }
}
