import { addAbortListener } from 'node:events'
import type { ReadableStream as WebStream } from 'node:stream/web'
import { describeValue } from '../../codec/quote.ts'
import { InputError } from '../../errors.ts'
import type { FileEntry, Metainfo } from '../../metainfo/metainfo.ts'
import { type ByteSource, FileReader } from '../../streams/read/file-reader.ts'

/** A Uint8Array with an ArrayBuffer of its own, also for compilers in which Uint8Array is not generic. */
type OwnBytes = ReturnType<Uint8ArrayConstructor['from']>

/** A torrent with bytes to read. */
export interface TorrentBytes {
  readonly metainfo: Metainfo
  open(start: number, end: number): ByteSource
}

/** The bytes of a file from `start` to before `end`. @default all bytes */
export interface ByteRange {
  readonly start?: number
  readonly end?: number
}

export interface ReadOptions extends ByteRange {
  /** Aborts the stream: it fails with the signal's reason. */
  readonly signal?: AbortSignal
  /** True to lend chunks instead of copying them: see FileReader. @default false */
  readonly lend?: boolean
}

/** One file of a torrent, which can be read while it is downloaded. */
export class TorrentFile {
  /** Its index in the torrent's list of files. */
  readonly index: number
  readonly #torrent: TorrentBytes
  readonly #select: ((fileIndex: number) => boolean) | undefined

  constructor(torrent: TorrentBytes, index: number, select?: (fileIndex: number) => boolean) {
    this.#torrent = torrent
    this.index = index
    this.#select = select
  }

  get entry(): FileEntry {
    return this.#torrent.metainfo.files[this.index]!
  }

  get path(): string {
    return this.entry.path
  }

  /** Bytes. */
  get length(): number {
    return this.entry.length
  }

  /** True if it is selected, so that it is downloaded. */
  get isSelected(): boolean {
    return this.#select?.(this.index) !== false
  }

  /**
   * Opens a stream of its bytes in order, each as soon as it is verified. The stream is also an async iterator, and can be
   * piped to any Writable. It ends after the last byte, or fails. Bytes that are read soon are downloaded first.
   * @throws InputError for a range outside the file, or a file that was not selected
   */
  stream(options: ReadOptions = {}): FileReader {
    const { start = 0, end, signal, lend = false } = checkReadOptions(options)
    const { offset, length } = this.entry
    if (!this.isSelected) {
      throw new InputError('ERR_USAGE', `file ${this.index} is not selected, so it is not downloaded`)
    }
    const last = Math.min(end ?? length, length)
    if (!(Number.isSafeInteger(last) && Number.isSafeInteger(start) && start >= 0 && start <= last)) {
      throw new InputError(
        'ERR_USAGE',
        `no bytes ${start} to ${last} in file ${this.index} of ${length} bytes`,
      )
    }
    const [first, after] = [offset + start, offset + last]
    const source = this.#torrent.open(first, after)
    const reader = new FileReader({ source, start: first, end: after, lend })
    if (signal) abortable(reader, signal)
    return reader
  }

  /** Opens the same as a web stream. Cancelling it ends the reading. */
  web(options: Omit<ReadOptions, 'lend'> = {}): ReadableStream<OwnBytes> {
    // The global: programs with and without DOM types know its type, and Node loads its module at the first use.
    const { ReadableStream } = globalThis as unknown as { ReadableStream: typeof WebStream }
    return ReadableStream.from(this.stream(options)) as ReadableStream<OwnBytes>
  }
}

/** @throws InputError ERR_USAGE that names the option with an invalid type; the caller checks ranges */
function checkReadOptions(options: ReadOptions): ReadOptions {
  const fail = (name: string, expected: string, value: unknown) =>
    new InputError('ERR_USAGE', `${name}: expected ${expected}, got ${describeValue(value)}`)
  if (typeof options !== 'object' || options === null) throw fail('options', 'an object', options)
  const { start, end, signal, lend } = options
  for (const [name, value] of Object.entries({ start, end }))
    if (value !== undefined && typeof value !== 'number') throw fail(name, 'a byte of the file', value)
  if (lend !== undefined && typeof lend !== 'boolean') throw fail('lend', 'true or false', lend)
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw fail('signal', 'an AbortSignal', signal)
  return options
}

function abortable(reader: FileReader, signal: AbortSignal): void {
  const listener = addAbortListener(signal, () => reader.destroy(signal.reason))
  reader.once('close', () => listener[Symbol.dispose]())
}
