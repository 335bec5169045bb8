/** The files in which our writes have found a change by another program. */
export class NoticedFiles {
  // Made when needed, as most torrents are idle.
  #noticed: Set<number> | undefined
  /** Files that `take` has not returned yet. */
  #news: Set<number> | undefined

  /** True from `add` until `delete`. */
  has(index: number): boolean {
    return this.#noticed?.has(index) ?? false
  }

  add(index: number): void {
    this.#noticed ??= new Set()
    this.#noticed.add(index)
    this.#news ??= new Set()
    this.#news.add(index)
  }

  /** Forgets a file, which is about to be verified again. */
  delete(index: number): void {
    this.#noticed?.delete(index)
    this.#news?.delete(index)
  }

  /** Returns the files that were added since the last call. */
  take(): number[] {
    const noticed = [...(this.#news ?? [])]
    this.#news = undefined
    return noticed
  }
}
