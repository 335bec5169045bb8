import type { WebPart } from '../../metainfo/web-site.ts'
import type { WebBody } from './web-body.ts'

/** Bytes that are read and thrown away to get at the bytes of a run. */
export const MAX_SKIP = 4 << 20
/** Requests at once to a server that answers ranges. */
const MAX_LANES = 4
/** Files of one web seed that are read through at a time. */
const MAX_STREAMS = 4

interface Stream {
  readonly body: WebBody
  /** Where its file begins in the torrent. */
  readonly offset: number
}

/** What becomes of an answer: it is read now, its run waits until earlier pieces were read, or it costs too much. */
export type Admission = 'read' | 'later' | 'refused'

/**
 * Whole files that a server which ignores ranges sends: each is read through, as far as its pieces are asked for, in
 * one GET. What is read a second time is bounded by what the web seed has brought.
 *
 * Inputs: whether ranges were answered as such; how far each file was read; bytes that were brought and passed over.
 */
export class WebStreams {
  /** What the server does with ranges. */
  mode: 'unknown' | 'ranges' | 'whole' = 'unknown'
  /** Grows when a file is begun: pieces that were passed by may be asked for. */
  version = 0
  /** Where the file that was begun last is read, in the torrent. */
  position = 0
  /** By file, the one begun last at the end. */
  readonly #streams = new Map<number, Stream>()
  /** Files that were begun at some time. */
  readonly #begun = new Set<number>()
  #brought = 0
  #reread = 0

  /** Requests that may be under way at once. */
  get lanes(): number {
    return this.mode === 'ranges' ? MAX_LANES : 1
  }

  /** The file that can be read on to get at this part. */
  at({ key, range }: WebPart): WebBody | undefined {
    const body = this.#streams.get(key)?.body
    return body && range && body.position <= range.first ? body : undefined
  }

  /** Bytes to be passed over to get at this part; Infinity if the file would have to be begun anew. */
  distance({ key, range }: WebPart): number {
    if (this.mode !== 'whole' || !range) return 0
    const position = this.#streams.get(key)?.body.position ?? 0
    return range.first < position ? Number.POSITIVE_INFINITY : range.first - position
  }

  /** @param offset where its file begins in the torrent; @param partial whether the answer is the range that was asked for */
  admit({ key, length, range }: WebPart, offset: number, body: WebBody, partial: boolean): Admission {
    if (!range || partial) this.mode = 'ranges'
    if (!range || partial) return 'read'
    if (length === range.size) {
      if (this.mode === 'unknown') this.mode = 'ranges'
      return 'read'
    }
    this.mode = 'whole'
    const { first } = range
    const other = this.#streams.get(key)?.body
    if (other && other.position <= first) {
      body.close()
      return 'later'
    }
    if (other && first <= MAX_SKIP) return 'read'
    if (this.#begun.has(key) && first > MAX_SKIP) {
      this.#reread += first
      if (this.#reread > this.#brought) {
        this.#reread = 0
        return 'refused'
      }
    }
    this.#begin(key, { body, offset })
    return first > 0 ? 'later' : 'read'
  }

  /** Bytes were brought to where they belong. */
  read(body: WebBody, bytes: number): void {
    this.#brought += bytes
    this.passed(body)
  }

  /** An answer was read on. */
  passed(body: WebBody): void {
    const stream = [...this.#streams.values()].at(-1)
    if (stream?.body === body) this.position = stream.offset + body.position
  }

  has(body: WebBody | undefined): boolean {
    for (const stream of this.#streams.values()) if (stream.body === body) return true
    return false
  }

  /** A run is done with an answer: it is kept if others can read on. */
  leave(body: WebBody): void {
    if (!this.has(body)) body.close()
  }

  /** An answer was read to its end. */
  forget(body: WebBody): void {
    for (const [key, stream] of this.#streams) if (stream.body === body) this.#streams.delete(key)
  }

  /** Ends an answer. */
  drop(body: WebBody): void {
    this.forget(body)
    body.close()
  }

  /** Ends all of them. */
  close(): void {
    for (const { body } of this.#streams.values()) body.close()
    this.#streams.clear()
  }

  #begin(key: number, stream: Stream): void {
    const before = this.#streams.get(key)
    if (before) this.drop(before.body)
    if (this.#streams.size === MAX_STREAMS) {
      const [oldest] = this.#streams.values()
      this.drop(oldest!.body)
    }
    this.#streams.set(key, stream)
    this.#begun.add(key)
    this.position = stream.offset
    this.version++
  }
}
