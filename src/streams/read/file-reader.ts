import { checkRequired } from '../../codec/check-arguments.ts'
import { ByteReader } from '../byte-reader.ts'
import { ParkedCallback } from '../parked-callback.ts'
import type { Done } from '../stage.ts'

/** Bytes that their owner lends until they are released. */
export interface Lent {
  readonly bytes: Uint8Array
  release(): void
}

/** A source of verified bytes. */
export interface ByteSource {
  /** Resolves with at least one and at most `length` bytes from `position`, as soon as they are verified. */
  take(position: number, length: number): Promise<Lent>
  /** Ends the use of the source. */
  close?(): void
}

/** Options of `FileReader`. */
export interface FileReaderOptions {
  readonly source: ByteSource
  /** The first byte, from the torrent's start. */
  readonly start: number
  /** The byte after the last. */
  readonly end: number
  /**
   * True to lend chunks: call `release` for each, as it holds back the download. Otherwise every chunk has its own memory.
   * @default false
   */
  readonly lend?: boolean
}

/** Maximum bytes of a chunk. */
const MAX_CHUNK_BYTES = 1 << 20

/**
 * Reads a range of a torrent's bytes in order, each as soon as it is verified.
 *
 * in            a ByteSource
 * out           Uint8Array
 * backpressure  takes nothing while a chunk waits to be read
 * fails with    the error of the source: it never ends early
 */
export class FileReader extends ByteReader {
  readonly #source: ByteSource
  readonly #end: number
  readonly #lends: boolean
  readonly #lentChunks: Lent[] = []
  #position: number
  /** The callback of the pending `_read`. */
  readonly #parked = new ParkedCallback()
  #hasEnded = false

  constructor(options: FileReaderOptions) {
    checkRequired(options, { source: 'object', start: 'whole', end: 'whole' })
    const { source, start, end, lend = false } = options
    super({ highWaterMark: 65536, byteLength: chunk => chunk.length || 1 })
    this.#source = source
    this.#position = start
    this.#end = end
    this.#lends = lend
    this.on('end', () => {
      this.#hasEnded = true
    })
  }

  /** Gives back a chunk that was lent. */
  release(chunk: Uint8Array): void {
    const at = this.#lentChunks.findIndex(lent => lent.bytes === chunk)
    if (at >= 0) this.#lentChunks.splice(at, 1)[0]!.release()
  }

  override _read(done: Done): void {
    if (this.#position >= this.#end) {
      this.#source.close?.()
      this.push(null)
      done()
      return
    }
    this.#parked.park(done)
    this.#source.take(this.#position, Math.min(MAX_CHUNK_BYTES, this.#end - this.#position)).then(
      lent => {
        if (this.destroying) {
          lent.release()
          return
        }
        this.#position += lent.bytes.length
        if (this.#lends) {
          this.#lentChunks.push(lent)
          this.push(lent.bytes)
        } else {
          this.push(Uint8Array.from(lent.bytes))
          lent.release()
        }
        this.#parked.release()
      },
      error => this.#parked.release(error),
    )
  }

  /** Closes without waiting for bytes that may never come. */
  override _predestroy(): void {
    this.#source.close?.()
    this.#parked.release()
  }

  override _destroy(done: Done): void {
    // After the end the reader of this stream has all chunks, and may still need the last of them.
    if (!this.#hasEnded) for (const lent of this.#lentChunks.splice(0)) lent.release()
    done()
  }
}
