/** Bytes that wait on disk for a reader who is behind. */
import { randomUUID } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { StorageError } from '../errors.ts'
import { type FileHandle, type FileSystem, nodeFileSystem } from '../ports/file-system.ts'
import { type StorageAction, storageError } from './storage-error.ts'

export interface SpillFileOptions {
  /** Where the file is made; where that is a tmpfs, it is memory after all. @default os.tmpdir() */
  readonly directory?: string
  /** @default the disk of this machine */
  readonly fs?: FileSystem
}

/** Bytes of a slot: what is given back at once, and read at once. */
const SLOT = 1 << 18

/** A part of the file: filled from its begin, read from its begin. */
interface Slot {
  readonly position: number
  read: number
  written: number
}

/**
 * A queue of bytes in a temporary file: made when first written, unlinked at once, so that nothing of it outlives us.
 *
 * What was read makes room for what is written next: the file is never longer than the most that ever waited, and two
 * slots of 256 KiB. When all was read it is cut to nothing. Rejects with StorageError.
 */
export class SpillFile {
  readonly #path: string
  readonly #fs: FileSystem
  /** Those that hold something, in the order of the bytes. */
  readonly #full: Slot[] = []
  /** Positions of those that hold nothing any more. */
  readonly #free: number[] = []
  #size = 0
  #length = 0
  #handle: FileHandle | undefined
  #linked = false
  /** The last operation: each begins when the one before is done. */
  #last: Promise<unknown> = Promise.resolve()
  #closed: Promise<void> | undefined

  /** Touches no disk yet. */
  constructor({ directory = tmpdir(), fs = nodeFileSystem }: SpillFileOptions = {}) {
    this.#path = join(directory, `tsdl-${randomUUID()}`)
    this.#fs = fs
  }

  /** Bytes that were written and not read. */
  get length(): number {
    return this.#length
  }

  /** Bytes that the file has on disk at most. */
  get size(): number {
    return this.#size
  }

  /** Resolves when all of `bytes` is written, so that their memory may be used again. */
  append(bytes: Uint8Array): Promise<void> {
    return this.#next('write', async () => {
      const handle = (this.#handle ??= await this.#open())
      for (let done = 0; done < bytes.length; ) {
        const slot = this.#room()
        const most = Math.min(bytes.length - done, SLOT - slot.written)
        const { bytesWritten } = await handle.write(bytes, done, most, slot.position + slot.written)
        if (bytesWritten === 0) throw new Error('the system took none of the bytes')
        slot.written += bytesWritten
        done += bytesWritten
      }
      this.#length += bytes.length
    })
  }

  /** Resolves with the bytes that have waited longest: at most 256 KiB, none only if none wait. */
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
      if (slot.written === SLOT || this.#length === 0) this.#free.push(this.#full.shift()!.position)
      if (this.#length === 0) {
        this.#size = this.#free.length = 0
        await this.#handle!.truncate(0)
      }
      return bytes
    })
  }

  /** Waits for what is running; nothing is left behind. */
  close(): Promise<void> {
    this.#closed ??= this.#next('close', async () => {
      await this.#handle?.close()
      if (this.#linked) await this.#fs.unlink(this.#path)
    })
    return this.#closed
  }

  /** Where the next byte goes. */
  #room(): Slot {
    const last = this.#full.at(-1)
    if (last && last.written < SLOT) return last
    const position = this.#free.pop() ?? this.#size
    if (position === this.#size) this.#size += SLOT
    const slot = { position, read: 0, written: 0 }
    this.#full.push(slot)
    return slot
  }

  async #open(): Promise<FileHandle> {
    const { O_RDWR, O_CREAT, O_EXCL } = this.#fs.constants
    const handle = await this.#fs.open(this.#path, O_RDWR | O_CREAT | O_EXCL, 0o600)
    // Where a file that is open cannot be unlinked, it is when it is closed.
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
