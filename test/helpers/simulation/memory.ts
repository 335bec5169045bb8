/** Maximum bytes of one segment: a block of 16 KiB and its header. */
export const SEGMENT_BYTES = 16_384 + 13

/** Below this size the pool of Node is as fast. */
const SMALL_BYTES = 4096
const spare: ArrayBuffer[] = []

/** Returns memory for a segment. New memory for each segment would cost more than the rest of the simulation. */
export function allocate(length: number): Buffer {
  if (length < SMALL_BYTES) return Buffer.allocUnsafe(length)
  return Buffer.from(spare.pop() ?? new ArrayBuffer(SEGMENT_BYTES), 0, length)
}

/** Returns memory of `allocate` that is no longer referenced to the pool. */
export function recycle({ buffer, length }: Buffer): void {
  if (length >= SMALL_BYTES) spare.push(buffer as ArrayBuffer)
}
