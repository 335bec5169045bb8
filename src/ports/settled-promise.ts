/** A resolved promise, to begin a chain with. There is one for all torrents, since most never add to their chains. */
export const SETTLED_PROMISE: Promise<void> = Promise.resolve()
