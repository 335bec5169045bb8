import { closeSync, constants, openSync, readSync } from 'node:fs'
import type { Listing } from './hash-job.ts'

/** Bytes of the largest file that is read. */
const MAX_SMALL_FILE_BYTES = 16 << 10
/** One byte more shows that a file is longer. */
const READ_BYTES = MAX_SMALL_FILE_BYTES + 1
const { O_NOFOLLOW = 0, O_NONBLOCK = 0, O_RDONLY } = constants
// The file may have been replaced by a link or a FIFO.
const OPEN_FLAGS = O_RDONLY | O_NOFOLLOW | O_NONBLOCK

/**
 * Reads small files while their directory is listed. That tells their size as well, so that each is opened once and needs no
 * `lstat`. It reads a file only after another small one: the content of larger files is read when they are hashed.
 */
export class SmallFileReader {
  /** Bytes that may still be read. */
  #room: number
  #bytes = Buffer.allocUnsafeSlow(4 * READ_BYTES)
  #used = 0
  /** The offset of the content of each listed file, or -1. */
  #offsets: number[] = []
  #isAfterSmall = false

  /** @param room maximum number of bytes of all files */
  constructor(room: number) {
    this.#room = room
  }

  /** Reads a regular file. Returns its size, or undefined if it was not read. */
  read(path: string | Buffer): number | undefined {
    if (!this.#isAfterSmall || this.#room < READ_BYTES) return undefined
    if (this.#bytes.length - this.#used < READ_BYTES) {
      const grown = Buffer.allocUnsafeSlow(2 * this.#bytes.length)
      this.#bytes.copy(grown, 0, 0, this.#used)
      this.#bytes = grown
    }
    const size = this.#readWhole(path)
    this.#isAfterSmall = size !== undefined
    if (size === undefined) return undefined
    this.#offsets.push(this.#used)
    this.#used += size
    this.#room -= size
    return size
  }

  /** Reads a file if its size, which was looked at, is small. Returns its size, or undefined if it was not read. */
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

  /** Returns the content of the files since the last call. */
  take(): Pick<Listing, 'content' | 'offsets'> {
    const content = new Uint8Array(this.#bytes.subarray(0, this.#used))
    const offsets = Int32Array.from(this.#offsets)
    this.#used = 0
    this.#offsets = []
    return { content, offsets }
  }

  /** Returns undefined for a longer file, and for one that cannot be read: its hashing says why, if it is selected. */
  #readWhole(path: string | Buffer): number | undefined {
    let fd: number | undefined
    try {
      fd = openSync(path, OPEN_FLAGS)
      let size = 0
      for (;;) {
        const read = readSync(fd, this.#bytes, this.#used + size, READ_BYTES - size, size)
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
