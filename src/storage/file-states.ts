/** States of files, recorded so that every later change of a file is noticed. */
import type { FileState } from '../ports/file-system.ts'

/** Bytes of a state: size, times, inode and device, 64 bits each. */
export const FILE_STATE_BYTES = 40
/** Numbers of 64 bits in a state. */
const STATE_NUMBERS = 5
/** Offset of inode and device in a state. */
const IDENTITY_OFFSET = 24
/** The size in the state of a file that could not be checked. No file is so large. */
const UNREADABLE_SIZE = 2n ** 64n - 1n
const UINT32_MAX = 2 ** 32 - 1

/** The states of files by index, in one buffer. The bytes are valid on this machine only. */
export class FileStates {
  /** Number of files. */
  readonly count: number
  /** The states in order. Zeros stand for a file that is missing. */
  readonly bytes: Buffer
  readonly #numbers: BigUint64Array
  /** The same in 32 bits each, which take no BigInt to compare. */
  readonly #words: Uint32Array

  /** @param bytes states of `count` files. @default no state is known */
  constructor(count: number, bytes?: Uint8Array) {
    this.count = count
    // Memory of its own, since the numbers have to be aligned.
    const buffer = new ArrayBuffer(count * FILE_STATE_BYTES)
    this.bytes = Buffer.from(buffer)
    this.#numbers = new BigUint64Array(buffer)
    this.#words = new Uint32Array(buffer)
    if (bytes) this.bytes.set(bytes)
  }

  /** True if the state of a file is known. */
  has(index: number): boolean {
    const start = index * 2 * STATE_NUMBERS
    // From the end, since hardly any inode is 0.
    for (let at = start + 2 * STATE_NUMBERS - 1; at >= start; at--)
      if (this.#words[at] !== 0) return !this.isUnreadable(index)
    return false
  }

  /** True if the file could not be checked for another reason than that it is missing. */
  isUnreadable(index: number): boolean {
    const at = index * 2 * STATE_NUMBERS
    return this.#words[at] === UINT32_MAX && this.#words[at + 1] === UINT32_MAX
  }

  /** Returns the size of a file in bytes, or 0 if its state is unknown. */
  sizeOf(index: number): number {
    return this.has(index) ? Number(this.#numbers[index * STATE_NUMBERS]) : 0
  }

  /** Returns when a file was last changed, in nanoseconds since 1970. */
  changedAt(index: number): bigint {
    return this.#numbers[index * STATE_NUMBERS + 2]!
  }

  /** Returns the bytes of a state. They are not copied. */
  at(index: number): Buffer {
    return this.bytes.subarray(index * FILE_STATE_BYTES, (index + 1) * FILE_STATE_BYTES)
  }

  set(index: number, { size, mtimeNs, ctimeNs, ino, dev }: FileState): void {
    // Negative times, before 1970, wrap around. Equal states still give equal bytes.
    const at = index * STATE_NUMBERS
    this.#numbers[at] = size
    this.#numbers[at + 1] = mtimeNs
    this.#numbers[at + 2] = ctimeNs
    this.#numbers[at + 3] = ino
    this.#numbers[at + 4] = dev
  }

  setUnreadable(index: number): void {
    this.#numbers[index * STATE_NUMBERS] = UNREADABLE_SIZE
  }

  /** Copies the state of a file from other states. */
  copy(index: number, others: FileStates, other: number): void {
    others.bytes.copy(
      this.bytes,
      index * FILE_STATE_BYTES,
      other * FILE_STATE_BYTES,
      (other + 1) * FILE_STATE_BYTES,
    )
  }

  clear(index: number): void {
    this.#numbers.fill(0n, index * STATE_NUMBERS, (index + 1) * STATE_NUMBERS)
  }

  /** Returns the states of some files, in their order. */
  pick(indexes: readonly number[]): FileStates {
    const picked = new FileStates(indexes.length)
    for (const [at, index] of indexes.entries()) picked.copy(at, this, index)
    return picked
  }

  /** True if a file has the same state as one in other states. */
  equals(index: number, others: FileStates, other: number): boolean {
    return this.#compare(index, others, other, 0)
  }

  /** True if a file has this state. */
  matches(index: number, { size, mtimeNs, ctimeNs, ino, dev }: FileState): boolean {
    const at = index * STATE_NUMBERS
    return [size, mtimeNs, ctimeNs, ino, dev].every(
      (number, offset) => this.#numbers[at + offset] === BigInt.asUintN(64, number),
    )
  }

  /** True if it is the same file as one in other states, by inode and device, whatever its content. */
  isSameFile(index: number, others: FileStates, other: number): boolean {
    return this.#compare(index, others, other, IDENTITY_OFFSET)
  }

  #compare(index: number, others: FileStates, other: number, offset: number): boolean {
    const [from, to] = [other * FILE_STATE_BYTES + offset, (other + 1) * FILE_STATE_BYTES]
    const [start, end] = [index * FILE_STATE_BYTES + offset, (index + 1) * FILE_STATE_BYTES]
    return this.bytes.compare(others.bytes, from, to, start, end) === 0
  }
}

/** Returns the states of files, in the order of `indexes`. */
export interface StatesSource {
  states(indexes: readonly number[]): Promise<FileStates>
}

/** Maximum number of tries for a file that has just changed. Clocks tick every 1 to 10 ms, and a try takes 0.1 ms. */
const MAX_STATE_TRIES = 500

/**
 * Returns the states of some of `count` files, such that every later write changes the state: the last change of each file
 * is in a past tick of the clock. Files that are missing or change all the time are left out.
 * @param clock the time by which the file system dates changes: nanoseconds since 1970
 */
export async function settled(
  storage: StatesSource,
  indexes: readonly number[],
  count: number,
  clock: { now(): Promise<bigint> },
): Promise<FileStates> {
  const states = new FileStates(count)
  let left = indexes
  for (let turn = 0; turn < MAX_STATE_TRIES && left.length > 0; turn++) {
    // The clock is read before the stat, so a write after the stat gets this time or a later one.
    const now = await clock.now()
    const found = await storage.states(left)
    left = left.filter((index, at) => {
      if (!found.has(at)) return false
      if (found.changedAt(at) >= now) return true
      states.copy(index, found, at)
      return false
    })
  }
  return states
}
