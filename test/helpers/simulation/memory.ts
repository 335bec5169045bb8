/** The most bytes that a link carries for one flow before it is another's turn: a block of 16 KiB and its head. */
export const SEGMENT_BYTES = 16_384 + 13

/** Below this, Node's own pool is as fast. */
const SMALL_BYTES = 4096
const spare: ArrayBuffer[] = []

/** Memory for a segment. Fresh memory for each costs more than all else that the network does. */
export function allocate(length: number): Buffer {
  if (length < SMALL_BYTES) return Buffer.allocUnsafe(length)
  return Buffer.from(spare.pop() ?? new ArrayBuffer(SEGMENT_BYTES), 0, length)
}

/** Gives back memory of `allocate` that is no longer referenced. */
export function recycle({ buffer, length }: Buffer): void {
  if (length >= SMALL_BYTES) spare.push(buffer as ArrayBuffer)
}
