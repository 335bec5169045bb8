/** Waits for conditions, which are evaluated only when something may have changed. */
export class Conditions {
  readonly #checks = new Set<() => void>()

  /** Resolves once `isMet` returns true, now or at a call of `check`. */
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
