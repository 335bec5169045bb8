import { closeSync, constants, openSync, readSync } from 'node:fs'
import type { Listing } from './hash-job.ts'

/** Bytes of the largest file that is read. */
const MAX_SMALL_FILE_BYTES = 16 << 10
/** One byte more shows that a file is longer. */
const READ_BYTES = MAX_SMALL_FILE_BYTES + 1
/** Bytes of a slab, unless a directory has more content. */
const SLAB_BYTES = 1 << 20
const { O_NOFOLLOW = 0, O_NONBLOCK = 0, O_RDONLY } = constants
// The file may have been replaced by a link or a FIFO.
const OPEN_FLAGS = O_RDONLY | O_NOFOLLOW | O_NONBLOCK

const NO_SLAB = new Uint8Array(0)
/** The slab of this thread. The rest after `slabEnd` is free for the content of more directories. */
let slab: Uint8Array = NO_SLAB
let slabEnd = 0

/**
 * Reads small files while their directory is listed. The listing has their sizes, so that each is opened once and needs no
 * `lstat`. It reads a file only after another small one: the content of larger files is read when they are hashed.
 * The content is in shared memory, so that any thread can hash it without a copy.
 */
export class SmallFileReader {
  /** Bytes that may still be read. */
  #room: number
  /** Where the content of the directory starts in the slab. */
  #start = 0
  /** The offset of the content of each listed file, or -1. */
  #offsets: number[] = []
  #isAfterSmall = false

  /** @param room maximum number of bytes of all files */
  constructor(room: number) {
    this.#room = room
  }

  /** Begins a directory. It ends with `take`, and no other one is read meanwhile. */
  start(): void {
    this.#start = slabEnd
    this.#offsets = []
  }

  /** Reads a regular file. Returns its size, or undefined if it was not read. */
  read(path: string | Buffer): number | undefined {
    if (!this.#isAfterSmall || this.#room < READ_BYTES) return undefined
    if (slab.length - slabEnd < READ_BYTES) this.#startSlab()
    const size = this.#readWhole(path)
    this.#isAfterSmall = size !== undefined
    if (size === undefined) return undefined
    this.#offsets.push(slabEnd - this.#start)
    slabEnd += size
    this.#room -= size
    return size
  }

  /** Reads a file if its known size is small. Returns its size, or undefined if it was not read. */
  readAfterLook(path: string | Buffer, size: number): number | undefined {
    this.#isAfterSmall = size <= MAX_SMALL_FILE_BYTES
    const read = this.read(path)
    if (read === undefined) this.skip()
    return read
  }

  /** Notes a file or a directory without content. */
  skip(): void {
    this.#offsets.push(-1)
  }

  /** Returns the content of the directory. */
  take(): Pick<Listing, 'content' | 'offsets'> {
    const content = slab.subarray(this.#start, slabEnd)
    if (slab.length > SLAB_BYTES) {
      // It lives as long as its content, not as long as the thread.
      slab = NO_SLAB
      slabEnd = 0
    }
    return { content, offsets: Int32Array.from(this.#offsets) }
  }

  /** Continues in a new slab. Earlier content keeps the old one. */
  #startSlab(): void {
    const own = slab.subarray(this.#start, slabEnd)
    slab = new Uint8Array(new SharedArrayBuffer(Math.max(2 * own.length, SLAB_BYTES)))
    slab.set(own)
    this.#start = 0
    slabEnd = own.length
  }

  /** Returns undefined for a longer file, and for one that cannot be read: its hashing says why, if it is selected. */
  #readWhole(path: string | Buffer): number | undefined {
    let fd: number | undefined
    try {
      fd = openSync(path, OPEN_FLAGS)
      let size = 0
      for (;;) {
        const read = readSync(fd, slab, slabEnd + size, READ_BYTES - size, size)
        if (read === 0) return size
        size += read
        if (size === READ_BYTES) return undefined
      }
    } catch {
      return undefined
    } finally {
      if (fd !== undefined) closeSync(fd)
    }
  }
}
