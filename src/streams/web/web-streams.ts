import type { WebPart } from '../../metainfo/web-site.ts'
import type { WebBody } from './web-body.ts'

/** Maximum number of bytes that are read and discarded to reach the bytes of a run. */
export const MAX_SKIP = 4 << 20
/** Maximum number of parallel requests to a server that supports ranges. */
const MAX_LANES = 4
/** Maximum number of files of one web seed that are read at the same time. */
const MAX_STREAMS = 4

interface Stream {
  readonly body: WebBody
  /** The start of its file in the torrent. */
  readonly offset: number
}

/**
 * The decision on a response: it is read now; its run waits until earlier pieces are read; or reading it costs too
 * much.
 */
export type Admission = 'read' | 'later' | 'refused'

/**
 * Decides how the responses of a server that ignores ranges are read. Such a server sends whole files. Each file is
 * read in one GET, as far as its pieces are requested. The bytes that are read a second time are bounded by the useful
 * bytes of the web seed.
 *
 * Inputs: the server's support of ranges; the read position of each file; the numbers of useful and of skipped bytes.
 */
export class WebStreams {
  /** The server's support of ranges. */
  mode: 'unknown' | 'ranges' | 'whole' = 'unknown'
  /** Grows when a file is begun: pieces that were skipped before can be requested then. */
  version = 0
  /** The read position, in the torrent, of the file that was begun last. */
  position = 0
  /** The open responses by file, the one that was begun last at the end. */
  readonly #streams = new Map<number, Stream>()
  /** All files that were begun. */
  readonly #begunFiles = new Set<number>()
  #usefulBytes = 0
  #rereadBytes = 0

  /** Maximum number of parallel requests. */
  get lanes(): number {
    return this.mode === 'ranges' ? MAX_LANES : 1
  }

  /** Returns the open response that reaches this part when it is read further. */
  findBody({ key, range }: WebPart): WebBody | undefined {
    const body = this.#streams.get(key)?.body
    return body && range && body.position <= range.first ? body : undefined
  }

  /** Returns the number of bytes to skip to reach this part; Infinity if the file would have to be requested again. */
  distance({ key, range }: WebPart): number {
    if (this.mode !== 'whole' || !range) return 0
    const position = this.#streams.get(key)?.body.position ?? 0
    return range.first < position ? Number.POSITIVE_INFINITY : range.first - position
  }

  /**
   * Decides on a response.
   * @param offset the start of its file in the torrent
   * @param partial true if it is the requested range
   */
  admit({ key, length, range }: WebPart, offset: number, body: WebBody, partial: boolean): Admission {
    if (!range || partial) this.mode = 'ranges'
    if (!range || partial) return 'read'
    if (length === range.size) {
      if (this.mode === 'unknown') this.mode = 'ranges'
      return 'read'
    }
    this.mode = 'whole'
    const { first } = range
    const current = this.#streams.get(key)?.body
    if (current && current.position <= first) {
      body.close()
      return 'later'
    }
    if (current && first <= MAX_SKIP) return 'read'
    if (this.#begunFiles.has(key) && first > MAX_SKIP) {
      this.#rereadBytes += first
      if (this.#rereadBytes > this.#usefulBytes) {
        this.#rereadBytes = 0
        return 'refused'
      }
    }
    this.#begin(key, { body, offset })
    return first > 0 ? 'later' : 'read'
  }

  /** Counts useful bytes that were read from a response. */
  countUseful(body: WebBody, bytes: number): void {
    this.#usefulBytes += bytes
    this.updatePosition(body)
  }

  /** Notes that a response was read further. */
  updatePosition(body: WebBody): void {
    const stream = [...this.#streams.values()].at(-1)
    if (stream?.body === body) this.position = stream.offset + body.position
  }

  has(body: WebBody | undefined): boolean {
    for (const stream of this.#streams.values()) if (stream.body === body) return true
    return false
  }

  /** A run has ended. Closes its response, unless other runs can read it further. */
  endRun(body: WebBody): void {
    if (!this.has(body)) body.close()
  }

  /** Removes a response that was read to its end. */
  forget(body: WebBody): void {
    for (const [key, stream] of this.#streams) if (stream.body === body) this.#streams.delete(key)
  }

  /** Aborts a response. */
  abort(body: WebBody): void {
    this.forget(body)
    body.close()
  }

  /** Aborts all responses. */
  close(): void {
    for (const { body } of this.#streams.values()) body.close()
    this.#streams.clear()
  }

  #begin(key: number, stream: Stream): void {
    const before = this.#streams.get(key)
    if (before) this.abort(before.body)
    if (this.#streams.size === MAX_STREAMS) {
      const [oldest] = this.#streams.values()
      this.abort(oldest!.body)
    }
    this.#streams.set(key, stream)
    this.#begunFiles.add(key)
    this.position = stream.offset
    this.version++
  }
}
