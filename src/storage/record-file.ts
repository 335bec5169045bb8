/** A small file that is read as a whole and replaced atomically. */
import { dirname } from 'node:path'
import type { FileHandle, FileSystem } from '../ports/file-system.ts'

/**
 * Reads the file at `path`. Rejects with a system error, or with an Error if the file is longer than `limit` bytes or not
 * a regular file.
 */
export async function readRecordFile(fs: FileSystem, path: string, limit: number): Promise<Buffer> {
  const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = fs.constants
  const handle = await fs.open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
  try {
    const found = await handle.stat()
    if (!found.isFile()) throw new Error('it is not a regular file')
    if (found.size > limit)
      throw new Error(`it has ${found.size} bytes, more than the ${limit} it could need`)
    const bytes = Buffer.alloc(found.size)
    let done = 0
    while (done < bytes.length) {
      const { bytesRead } = await handle.read(bytes, done, bytes.length - done, done)
      if (bytesRead === 0) break
      done += bytesRead
    }
    return bytes.subarray(0, done)
  } finally {
    await handle.close()
  }
}

/**
 * A new version of the file at `path`, readable only by its owner. `commit` replaces the file. Methods reject with a
 * system error.
 */
export class NextRecordFile {
  readonly #fs: FileSystem
  readonly #path: string
  readonly #handle: FileHandle

  private constructor(fs: FileSystem, path: string, handle: FileHandle) {
    this.#fs = fs
    this.#path = path
    this.#handle = handle
  }

  /** Makes the new file next to `path`, and its parent directories. */
  static async open(fs: FileSystem, path: string): Promise<NextRecordFile> {
    await fs.mkdir(dirname(path), { recursive: true })
    const { O_RDWR, O_CREAT, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = fs.constants
    const flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK
    // A file that a killed process left would keep its mode and its length.
    await fs.unlink(nextTo(path)).catch(() => {})
    return new NextRecordFile(fs, path, await fs.open(nextTo(path), flags, 0o600))
  }

  /** Returns the time of the file system, from a write: nanoseconds since 1970, in its own ticks. */
  async now(): Promise<bigint> {
    await this.#handle.write(new Uint8Array(1), 0, 1, 0)
    return (await this.#handle.stat({ bigint: true })).mtimeNs
  }

  /** Replaces the file with `bytes`, at least 1, after they are on the device. */
  async commit(bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await this.#handle.write(bytes, done, bytes.length - done, done)
      if (bytesWritten === 0) throw new Error('the system took none of the bytes')
      done += bytesWritten
    }
    await this.#handle.sync()
    await this.#handle.close()
    // The directory is not synced: after a power failure the older record may come back, and it is still valid.
    await this.#fs.rename(nextTo(this.#path), this.#path)
  }

  /** Removes the new file after a failure, if possible. It never rejects. */
  async abandon(): Promise<void> {
    await this.#handle.close().catch(() => {})
    await this.#fs.unlink(nextTo(this.#path)).catch(() => {})
  }
}

const nextTo = (path: string) => `${path}.next`
