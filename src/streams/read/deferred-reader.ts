import { ByteReader } from '../byte-reader.ts'
import { ParkedCallback } from '../parked-callback.ts'
import type { Done } from '../stage.ts'

/** A reader that may lend its chunks, such as a FileReader or a TarPacker. */
export interface LendingReader extends AsyncIterable<Uint8Array> {
  /** Takes back a chunk that was lent. */
  release(chunk: Uint8Array): void
  /** Ends it now. */
  destroy(error?: Error): void
}

/**
 * A reader that opens asynchronously, such as that of a magnet link, of which the files are not known at first.
 *
 * in            the LendingReader that `open` resolves with
 * out           its chunks, uncopied
 * backpressure  reads one chunk ahead
 * fails with    the error of `open` or of the inner reader
 */
export class DeferredReader extends ByteReader {
  readonly #opening: Promise<LendingReader>
  #inner: LendingReader | undefined
  #chunks: AsyncIterator<Uint8Array> | undefined
  /** The callback of the call of `_open` or `_read` that is pending. */
  readonly #parked = new ParkedCallback()
  #hasEnded = false

  /** @param open called at once */
  constructor(open: () => Promise<LendingReader>) {
    super({ highWaterMark: 1, byteLength: chunk => chunk.length || 1, eagerOpen: true })
    this.#opening = open()
    // `_open` is not called if the reader is destroyed before.
    this.#opening.then(
      inner => this.destroying && inner.destroy(),
      () => {},
    )
    this.on('end', () => {
      this.#hasEnded = true
    })
  }

  /** Gives back a chunk that was lent. */
  release(chunk: Uint8Array): void {
    this.#inner?.release(chunk)
  }

  override _open(done: Done): void {
    this.#parked.park(done)
    this.#opening.then(
      inner => {
        this.#inner = inner
        this.#parked.release()
      },
      error => this.#parked.release(error),
    )
  }

  override _read(done: Done): void {
    this.#parked.park(done)
    this.#chunks ??= this.#inner![Symbol.asyncIterator]()
    this.#chunks.next().then(
      ({ value, done }) => {
        if (!this.destroying) this.push(done ? null : value)
        else if (!done) this.release(value)
        this.#parked.release()
      },
      error => this.#parked.release(error),
    )
  }

  /** Closes without waiting for metadata or bytes that may never come. */
  override _predestroy(): void {
    this.#parked.release()
  }

  override _destroy(done: Done): void {
    // After the end all chunks are with the caller, which may still need the last of them.
    if (!this.#hasEnded) this.#inner?.destroy()
    done()
  }
}
