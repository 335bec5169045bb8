import type { Layout } from '../../metainfo/layout.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Storage } from '../../storage/storage.ts'
import type { ReadChunks } from '../limits/read-chunks.ts'
import type { Recheck } from '../resume/recheck.ts'
import { ReadAhead } from './read-ahead.ts'

/** Milliseconds between two checks of one file for changes by other programs. */
const LOOK_INTERVAL_MS = 1000

/** Reads verified pieces for peers and readers, unless another program has changed their files. */
export class TrustedReads implements Pick<Storage, 'read'> {
  readonly #layout: Layout
  readonly #storage: Storage
  readonly #recheck: Recheck
  readonly #clock: Clock
  readonly #ahead: ReadAhead
  /** The doubts about pieces when `#ahead` was last cleared. */
  #doubts: number
  /** The time of the last check of each file, in ms. */
  readonly #checkedAt = new Map<number, number>()

  constructor(layout: Layout, storage: Storage, recheck: Recheck, clock: Clock, chunks: ReadChunks) {
    this.#layout = layout
    this.#storage = storage
    this.#recheck = recheck
    this.#clock = clock
    this.#ahead = new ReadAhead({ storage, chunks, pieceLength: layout.pieceLength, length: layout.length })
    this.#doubts = recheck.doubts
  }

  /** Gives up memory. */
  rest(): void {
    this.#ahead.clear()
  }

  /** Reads as Storage does, with zeros after the end of the torrent. Resolves with 0 where the bytes are in doubt. */
  async read(position: number, target: Uint8Array): Promise<number> {
    const within = Math.max(0, Math.min(target.length, this.#layout.length - position))
    if (within === target.length) return this.#readWithin(position, target)
    target.fill(0, within)
    const readLength = within === 0 ? 0 : await this.#readWithin(position, target.subarray(0, within))
    return readLength === within ? target.length : readLength
  }

  async #readWithin(position: number, target: Uint8Array): Promise<number> {
    if (this.#recheck.sampled) await this.#recheck.sampled
    if (this.#storage.watch === undefined) return this.#storage.read(position, target)
    const files = this.#layout.spans(position, target.length).map(({ fileIndex }) => fileIndex)
    await this.#lookIfDue(files.filter(file => this.#isDue(file)))
    if (!this.#trusts(position, target.length)) return 0
    try {
      if (this.#doubts !== this.#recheck.doubts) this.#ahead.clear()
      this.#doubts = this.#recheck.doubts
      const readLength = await this.#ahead.read(position, target)
      if (readLength < target.length) await this.#look(files)
      return readLength
    } catch (error) {
      await this.#look(files)
      if (this.#trusts(position, target.length)) throw error
      return 0
    }
  }

  #isDue(file: number): boolean {
    const checkedAt = this.#checkedAt.get(file)
    return checkedAt === undefined || this.#clock.now() - checkedAt >= LOOK_INTERVAL_MS
  }

  async #lookIfDue(files: readonly number[]): Promise<void> {
    if (files.length === 0) return
    this.#noteLook(files)
    // one look at each path: to find out what changed takes several calls of the system
    if (!(await this.#storage.watch?.areUnchanged(files))) await this.#look(files)
  }

  async #look(files: readonly number[]): Promise<void> {
    this.#noteLook(files)
    await this.#recheck.checkFiles(files)
  }

  #noteLook(files: readonly number[]): void {
    for (const file of files) this.#checkedAt.set(file, this.#clock.now())
  }

  #trusts(position: number, length: number): boolean {
    const { pieceLength } = this.#layout
    for (let index = this.#layout.pieceOf(position); index * pieceLength < position + length; index++)
      if (!this.#recheck.trusts(index)) return false
    return true
  }
}
