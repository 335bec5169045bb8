import type { EventEmitter } from 'node:events'
import { Emitter, type EventsOf, type EventTargetOf } from './emitter.ts'

/** An emitter of ours or of Node. */
type AnyEmitter<Events extends object> =
  | Emitter<Events & EventsOf<Events>>
  | EventEmitter<Events & Record<keyof Events, unknown[]>>

/** Lists of names by their text: thousands of torrents forward the same few. */
const sharedLists = new Map<string, readonly string[]>()

/** Emits these events of a child on its owner as well. Both declare them with the same arguments. */
export function forwardEvents<Child extends object, Owner extends object>(
  child: AnyEmitter<Child>,
  owner: AnyEmitter<Owner>,
  ...names: (keyof Child & keyof Owner & string)[]
): void {
  const to = owner as EventTargetOf
  if (child instanceof Emitter) child.forward(shared(names) as never[], to)
  else for (const name of names) (child as EventEmitter).on(name, (...args) => to.emit(name, ...args))
}

/** Returns the first list with the same names. */
function shared(names: readonly string[]): readonly string[] {
  const key = names.join()
  const known = sharedLists.get(key) ?? names
  sharedLists.set(key, known)
  return known
}
