import { checkRequired } from '../../codec/check-arguments.ts'
import { quote } from '../../codec/quote.ts'
import { TAR_END, type TarEntry, tarHeader, tarPadding } from '../../codec/tar-header.ts'
import { InputError } from '../../errors.ts'
import { ByteReader } from '../byte-reader.ts'
import { ParkedCallback } from '../parked-callback.ts'
import type { Done } from '../stage.ts'

/** The bytes of one file: a FileReader, or any stream of Node. */
export interface TarBody extends AsyncIterable<Uint8Array> {
  destroy(error?: Error): unknown
  /** Takes back a chunk that was lent. */
  release?(chunk: Uint8Array): void
}

/** A file to pack. */
export interface TarMember extends TarEntry {
  /** Opens the body when its turn comes. Not called for an empty file. */
  open(): TarBody
  /** Returns all of its bytes if they are in memory: it is not opened then. They are copied at once. */
  peek?(): Uint8Array | undefined
}

/** Options of `TarPacker`. */
export interface TarPackerOptions {
  /** In the order of the archive. */
  readonly members: Iterable<TarMember>
  /** True if bodies lend their chunks: call `release` for each chunk of the archive. @default false */
  readonly lend?: boolean
}

/** Bytes of headers, and of files in memory, after which a chunk is full. */
const BATCH_BYTES = 1 << 16

/**
 * Packs files as one tar archive. Their bytes pass without a copy; one body is open at a time. Small files that are in memory
 * already share a chunk with their headers.
 *
 * in            TarMember
 * out           Uint8Array
 * backpressure  reads nothing of a body, and opens none, while a chunk waits to be read
 * fails with    the error of a body or of `open`; InputError for a body of another length than its entry
 */
export class TarPacker extends ByteReader {
  readonly #members: Iterator<TarMember>
  readonly #lends: boolean
  /** The reader that lent each chunk. */
  readonly #owners = new Map<Uint8Array, TarBody>()
  /** The current member and its body. */
  #member: TarMember | undefined
  #body: TarBody | undefined
  #chunks: AsyncIterator<Uint8Array> | undefined
  /** Remaining bytes of the open body. */
  #left = 0
  /** Padding after the last body, in bytes. */
  #padding = 0
  /** The callback of the pending `_read`. */
  readonly #parked = new ParkedCallback()
  #hasEnded = false

  constructor(options: TarPackerOptions) {
    checkRequired(options, { members: 'iterable' })
    const { members, lend = false } = options
    super({ highWaterMark: 65536, byteLength: chunk => chunk.length || 1 })
    this.#members = members[Symbol.iterator]()
    this.#lends = lend
    this.on('end', () => {
      this.#hasEnded = true
    })
  }

  /** Gives back a chunk that was lent. Headers need no release, and may be released. */
  release(chunk: Uint8Array): void {
    const owner = this.#owners.get(chunk)
    this.#owners.delete(chunk)
    owner?.release?.(chunk)
  }

  override _read(done: Done): void {
    this.#parked.park(done)
    this.#next().then(
      () => this.#parked.release(),
      error => this.#parked.release(error),
    )
  }

  /** Closes without waiting for bytes that may never come. */
  override _predestroy(): void {
    this.#parked.release()
  }

  override _destroy(done: Done): void {
    this.#body?.destroy()
    // After the end the reader of this stream has all chunks, and may still need the last of them.
    if (!this.#hasEnded) for (const chunk of [...this.#owners.keys()]) this.release(chunk)
    done()
  }

  async #next(): Promise<void> {
    if (this.#member === undefined) return this.#pushBatch()
    const { value, done } = await this.#nextChunk(this.#member)
    if (!done) {
      if (this.destroying) return this.#body?.release?.(value)
      if (this.#lends) this.#owners.set(value, this.#body!)
      this.#left -= value.length
      if (this.#left < 0) this.#failLength('goes on after')
      this.push(value)
    } else if (!this.destroying) {
      if (this.#left > 0) this.#failLength(`ends ${this.#left} bytes short of`)
      this.#member = undefined
      this.#body = undefined
      this.#chunks = undefined
      this.#pushBatch()
    }
  }

  /** Opens the body when it is read: a stream of Node that fails without a listener would end the process. */
  #nextChunk(member: TarMember): Promise<IteratorResult<Uint8Array>> {
    if (this.#chunks === undefined) {
      this.#body = member.open()
      this.#chunks = this.#body[Symbol.asyncIterator]()
    }
    return this.#chunks.next()
  }

  /** Pushes the padding, headers and files before the next body, or the end of the archive. */
  #pushBatch(): void {
    const parts: Uint8Array[] = [TAR_END.subarray(0, this.#padding)]
    this.#padding = 0
    for (let bytes = 0; bytes < BATCH_BYTES && this.#member === undefined; ) {
      const { value: member, done } = this.#members.next()
      if (done) {
        this.push(Buffer.concat([...parts, TAR_END]))
        this.push(null)
        return
      }
      const header = tarHeader(member)
      bytes += header.length
      parts.push(header)
      if (member.length === 0) continue
      const padding = tarPadding(member.length)
      const body = member.peek?.()
      if (body?.length === member.length) {
        bytes += body.length + padding
        parts.push(body, TAR_END.subarray(0, padding))
        continue
      }
      this.#member = member
      this.#left = member.length
      this.#padding = padding
    }
    this.push(Buffer.concat(parts))
  }

  #failLength(what: string): never {
    const { path, length } = this.#member!
    throw new InputError('ERR_USAGE', `the stream of ${quote(path)} ${what} the ${length} bytes of that file`)
  }
}
