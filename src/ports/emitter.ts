/** The events of an `Emitter`: names, with the types of their arguments. */
export type EventsOf<Events> = { readonly [Name in keyof Events]: unknown[] }

/** A target for the events of an `Emitter`: another emitter, of ours or of Node. */
export interface EventTargetOf {
  emit(name: string, ...args: unknown[]): unknown
}

type AnyListener = (...args: unknown[]) => void

/**
 * Emits events to few listeners, in the order in which they were added. It takes a tenth of the memory of Node's
 * `EventEmitter`, which counts for thousands of idle torrents with a dozen emitters each. No event has a special
 * meaning.
 */
export class Emitter<Events extends EventsOf<Events>> {
  /** Names and their targets in turn. It is replaced, never changed, so that a listener may add and remove listeners. */
  #targets: readonly unknown[] | undefined

  /** Calls `listener` at each event `name`. */
  on<Name extends keyof Events & string>(name: Name, listener: (...args: Events[Name]) => void): this {
    this.#add(name, listener)
    return this
  }

  /** Calls `listener` at the next event `name`. */
  once<Name extends keyof Events & string>(name: Name, listener: (...args: Events[Name]) => void): this {
    const first = (...args: Events[Name]) => {
      this.off(name, first)
      listener(...args)
    }
    return this.on(name, first)
  }

  /** Removes a listener of `name`. */
  off<Name extends keyof Events & string>(name: Name, listener: (...args: Events[Name]) => void): this {
    const targets = this.#targets ?? []
    for (let at = 0; at < targets.length; at += 2) {
      if (targets[at] !== name || targets[at + 1] !== listener) continue
      this.#targets = targets.length > 2 ? [...targets.slice(0, at), ...targets.slice(at + 2)] : undefined
      break
    }
    return this
  }

  /** Emits the events of these names on `owner`, too. The list is kept, so emitters of one kind should share it. */
  forward(names: readonly (keyof Events & string)[], owner: EventTargetOf): void {
    this.#add(names, owner)
  }

  /** Calls the listeners of an event. @returns true if there were any */
  emit<Name extends keyof Events & string>(name: Name, ...args: Events[Name]): boolean {
    const targets = this.#targets
    if (!targets) return false
    let isTaken = false
    for (let at = 0; at < targets.length; at += 2) {
      const names = targets[at]
      if (names === name) (targets[at + 1] as AnyListener)(...args)
      else if (typeof names === 'object' && (names as string[]).includes(name))
        (targets[at + 1] as EventTargetOf).emit(name, ...args)
      else continue
      isTaken = true
    }
    return isTaken
  }

  #add(names: unknown, target: unknown): void {
    const before = this.#targets ?? []
    // an array of the exact length: one that grows keeps room for sixteen more elements
    const targets: unknown[] = new Array(before.length + 2)
    for (let at = 0; at < before.length; at++) targets[at] = before[at]
    targets[before.length] = names
    targets[before.length + 1] = target
    this.#targets = targets
  }
}
