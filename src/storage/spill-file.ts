/** Bytes that wait on disk for a slow reader. */

import { randomUUID } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { checkOptions } from '../codec/check-arguments.ts'
import { StorageError } from '../errors.ts'
import { type FileHandle, type FileSystem, nodeFileSystem } from '../ports/file-system.ts'
import { type StorageAction, storageError } from './storage-error.ts'

/** Options of `SpillFile`. */
export interface SpillFileOptions {
  /** The directory of the file. On tmpfs the bytes are in memory. @default os.tmpdir() */
  readonly directory?: string
  /** @default the disk of this machine */
  readonly fs?: FileSystem
}

/** Length of a slot in bytes: slots are read and freed as a whole. */
const SLOT_BYTES = 1 << 18

/** A part of the file that is written and read from its start. */
interface SpillSlot {
  readonly position: number
  read: number
  written: number
}

/**
 * A queue of bytes in a temporary file. The first write makes the file and unlinks it at once, so that it does not outlive
 * the process.
 *
 * Read slots are reused. So the file is never longer than the most bytes that ever waited and two slots of 256 KiB. The
 * file is truncated when the queue is empty. Rejects with StorageError.
 */
export class SpillFile {
  readonly #path: string
  readonly #fs: FileSystem
  /** Slots with bytes, in order. */
  readonly #full: SpillSlot[] = []
  /** Positions of free slots. */
  readonly #free: number[] = []
  #size = 0
  #length = 0
  #handle: FileHandle | undefined
  #linked = false
  /** The last operation. Each operation starts after the one before. */
  #last: Promise<unknown> = Promise.resolve()
  #closed: Promise<void> | undefined

  /** Does not access the disk. */
  constructor(options: SpillFileOptions = {}) {
    checkOptions(options, { directory: 'text', fs: 'object' })
    const { directory = tmpdir(), fs = nodeFileSystem } = options
    this.#path = join(directory, `tsdl-${randomUUID()}`)
    this.#fs = fs
  }

  /** Number of bytes that were written and not read. */
  get length(): number {
    return this.#length
  }

  /** Maximum length of the file on disk, in bytes. */
  get size(): number {
    return this.#size
  }

  /** Resolves when `bytes` are written. Their memory may be reused then. */
  append(bytes: Uint8Array): Promise<void> {
    return this.#next('write', async () => {
      const handle = (this.#handle ??= await this.#open())
      for (let done = 0; done < bytes.length; ) {
        const slot = this.#room()
        const maxLength = Math.min(bytes.length - done, SLOT_BYTES - slot.written)
        const { bytesWritten } = await handle.write(bytes, done, maxLength, slot.position + slot.written)
        if (bytesWritten === 0) throw new Error('the system took none of the bytes')
        slot.written += bytesWritten
        done += bytesWritten
      }
      this.#length += bytes.length
    })
  }

  /** Resolves with the oldest bytes, at most 256 KiB, or with none if the queue is empty. */
  take(): Promise<Uint8Array> {
    return this.#next('read', async () => {
      const slot = this.#full[0]
      if (!slot) return new Uint8Array()
      const bytes = new Uint8Array(slot.written - slot.read)
      for (let done = 0; done < bytes.length; ) {
        const left = bytes.length - done
        const { bytesRead } = await this.#handle!.read(bytes, done, left, slot.position + slot.read)
        if (bytesRead === 0) throw new Error('it is shorter than what was written to it')
        slot.read += bytesRead
        done += bytesRead
      }
      this.#length -= bytes.length
      if (slot.written === SLOT_BYTES || this.#length === 0) this.#free.push(this.#full.shift()!.position)
      if (this.#length === 0) {
        this.#size = this.#free.length = 0
        await this.#handle!.truncate(0)
      }
      return bytes
    })
  }

  /** Waits for running operations and removes the file. */
  close(): Promise<void> {
    this.#closed ??= this.#next('close', async () => {
      await this.#handle?.close()
      if (this.#linked) await this.#fs.unlink(this.#path)
    })
    return this.#closed
  }

  /** Returns the position for the next byte. */
  #room(): SpillSlot {
    const last = this.#full.at(-1)
    if (last && last.written < SLOT_BYTES) return last
    const position = this.#free.pop() ?? this.#size
    if (position === this.#size) this.#size += SLOT_BYTES
    const slot = { position, read: 0, written: 0 }
    this.#full.push(slot)
    return slot
  }

  async #open(): Promise<FileHandle> {
    const { O_RDWR, O_CREAT, O_EXCL } = this.#fs.constants
    const handle = await this.#fs.open(this.#path, O_RDWR | O_CREAT | O_EXCL, 0o600)
    // A system that cannot unlink an open file unlinks it after it is closed.
    await this.#fs.unlink(this.#path).catch(() => {
      this.#linked = true
    })
    return handle
  }

  async #next<T>(action: StorageAction, work: () => Promise<T>): Promise<T> {
    if (this.#closed) throw new StorageError('ERR_ABORTED', `${this.#path} is closed`)
    const next = this.#last.then(work).catch(error => {
      throw storageError(action, this.#path, error)
    })
    this.#last = next.catch(() => {})
    return next
  }
}
