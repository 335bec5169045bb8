/** Waits for conditions, which are evaluated when `check` is called. */
export class Conditions {
  readonly #checks = new Set<() => void>()

  /** Resolves when `isMet` returns true, now or at a call of `check`. */
  wait(isMet: () => boolean): Promise<void> {
    return new Promise(resolve => {
      const check = () => {
        if (!isMet()) return
        this.#checks.delete(check)
        resolve()
      }
      this.#checks.add(check)
      check()
    })
  }

  /** Evaluates every condition. */
  check(): void {
    for (const check of this.#checks) check()
  }
}
