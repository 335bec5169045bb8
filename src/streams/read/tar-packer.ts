import { quote } from '../../codec/quote.ts'
import { TAR_END, type TarEntry, tarHeader, tarPadding } from '../../codec/tar-header.ts'
import { InputError } from '../../errors.ts'
import { ByteReader } from '../byte-reader.ts'
import { ParkedCallback } from '../parked-callback.ts'
import type { Done } from '../stage.ts'

/** The bytes of one file as they come: a FileReader, or any stream of Node. */
export interface TarBody extends AsyncIterable<Uint8Array> {
  destroy(error?: Error): unknown
  /** Takes back a chunk that was lent. */
  release?(chunk: Uint8Array): void
}

/** A file to pack. */
export interface TarMember extends TarEntry {
  /** Called when its turn comes, and not for what is empty. */
  open(): TarBody
}

/** Options of `TarPacker`. */
export interface TarPackerOptions {
  /** In the order of the archive. */
  readonly members: Iterable<TarMember>
  /** Bodies lend their chunks, and so does the archive: each is to be given back with `release`. @default false */
  readonly lend?: boolean
}

/** Headers of files without bytes that go out as one chunk, in bytes. */
const GATHER = 1 << 16

/**
 * Files as one tar archive. Their bytes pass uncopied; one body is open at a time.
 *
 * in            TarMember
 * out           Uint8Array
 * backpressure  reads nothing of a body, and opens none, while a chunk waits to be read
 * fails with    what a body fails with, or what `open` throws; InputError if a body is not as long as was said
 */
export class TarPacker extends ByteReader {
  readonly #members: Iterator<TarMember>
  readonly #lend: boolean
  /** The reader that lent each chunk. */
  readonly #owners = new Map<Uint8Array, TarBody>()
  /** The reader of the bytes that come next. */
  #member: TarMember | undefined
  #body: TarBody | undefined
  #chunks: AsyncIterator<Uint8Array> | undefined
  /** Bytes of the open body that are still to come. */
  #left = 0
  /** Zeros that the last body needs behind it. */
  #padding = 0
  /** The callback of the pending `_read`. */
  readonly #parked = new ParkedCallback()
  #ended = false

  constructor({ members, lend = false }: TarPackerOptions) {
    super({ highWaterMark: 65536, byteLength: chunk => chunk.length || 1 })
    this.#members = members[Symbol.iterator]()
    this.#lend = lend
    this.on('end', () => {
      this.#ended = true
    })
  }

  /** Gives back a chunk that was lent; what is our own (headers) needs no release and may have one. */
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
    if (!this.#ended) for (const chunk of [...this.#owners.keys()]) this.release(chunk)
    done()
  }

  async #next(): Promise<void> {
    if (this.#member === undefined) return this.#pushHeaders()
    const { value, done } = await this.#nextChunk(this.#member)
    if (!done) {
      if (this.destroying) return this.#body?.release?.(value)
      if (this.#lend) this.#owners.set(value, this.#body!)
      this.#left -= value.length
      if (this.#left < 0) this.#wrongLength('goes on after')
      this.push(value)
    } else if (!this.destroying) {
      if (this.#left > 0) this.#wrongLength(`ends ${this.#left} bytes short of`)
      this.#member = undefined
      this.#body = undefined
      this.#chunks = undefined
      this.#pushHeaders()
    }
  }

  /** Opens the body no earlier than it is read: a stream of Node that fails unheard would end the process. */
  #nextChunk(member: TarMember): Promise<IteratorResult<Uint8Array>> {
    if (this.#chunks === undefined) {
      this.#body = member.open()
      this.#chunks = this.#body[Symbol.asyncIterator]()
    }
    return this.#chunks.next()
  }

  /** What stands between the bytes of one file and those of the next, or the end. */
  #pushHeaders(): void {
    const parts: Uint8Array[] = [TAR_END.subarray(0, this.#padding)]
    this.#padding = 0
    for (let gathered = 0; gathered < GATHER && this.#member === undefined; ) {
      const { value: member, done } = this.#members.next()
      if (done) {
        this.push(Buffer.concat([...parts, TAR_END]))
        this.push(null)
        return
      }
      const header = tarHeader(member)
      gathered += header.length
      parts.push(header)
      if (member.length === 0) continue
      this.#member = member
      this.#left = member.length
      this.#padding = tarPadding(member.length)
    }
    this.push(Buffer.concat(parts))
  }

  #wrongLength(what: string): never {
    const { path, length } = this.#member!
    throw new InputError('ERR_USAGE', `the stream of ${quote(path)} ${what} the ${length} bytes of that file`)
  }
}
