/** Takes note of what was odd but could be read: a sentence. */
export type Warn = (sentence: string) => void

/** What is said of one torrent: a hostile one could be odd a million times. */
const MAX_WARNINGS = 100

/** Collects sentences; past 100 of them only counts. */
export class Warnings {
  readonly #sentences: string[] = []
  #more = 0

  readonly warn: Warn = sentence => {
    if (this.#sentences.length < MAX_WARNINGS) this.#sentences.push(sentence)
    else this.#more++
  }

  /** What was said so far. */
  list(): string[] {
    return this.#more === 0
      ? [...this.#sentences]
      : [...this.#sentences, `and ${this.#more} more of the kind`]
  }
}
