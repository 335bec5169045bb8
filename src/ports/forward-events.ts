import type { EventEmitter } from 'node:events'

/** Emits these events of a child on its owner as well. Both declare them with the same arguments. */
export function forwardEvents<Child extends object, Owner extends object>(
  child: EventEmitter<Child & Record<keyof Child, unknown[]>>,
  owner: EventEmitter<Owner & Record<keyof Owner, unknown[]>>,
  ...names: (keyof Child & keyof Owner & string)[]
): void {
  const [from, to] = [child, owner] as unknown as [EventEmitter, EventEmitter]
  for (const name of names) from.on(name, (...args: unknown[]) => to.emit(name, ...args))
}
