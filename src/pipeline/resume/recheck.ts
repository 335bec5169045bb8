import { Bitfield } from '../../codec/bitfield.ts'
import { StorageError } from '../../errors.ts'
import type { Layout } from '../../metainfo/layout.ts'
import type { Metainfo } from '../../metainfo/metainfo.ts'
import { Emitter } from '../../ports/emitter.ts'
import { SETTLED_PROMISE } from '../../ports/settled-promise.ts'
import type { Storage } from '../../storage/storage.ts'
import { check } from './check.ts'

export interface RecheckOptions {
  readonly metainfo: Metainfo
  readonly layout: Layout
  readonly storage: Storage
  /** The pieces that are verified and stored. Pieces that turn out to be wrong are removed. */
  readonly verified: Bitfield
}

export interface RecheckEvents {
  /** A piece was in doubt and is right. */
  confirmed: [index: number]
  /** A piece is wrong, and was removed from `verified`. */
  lost: [index: number]
  /** A file lost pieces. */
  warning: [error: StorageError]
  /** Pieces could not be read again for another reason than the state of the disk. */
  failed: [error: Error]
}

/**
 * Reads verified pieces again when another program changed their files.
 *
 * A piece is in doubt from the time a change is noticed until it was read and hashed again. Meanwhile it is not given to peers
 * or readers, and not in the resume record.
 */
export class Recheck extends Emitter<RecheckEvents> {
  readonly #options: RecheckOptions
  readonly #layout: Layout
  /** Verified pieces that are in doubt. Cleared when they were read again. */
  #doubtful: Bitfield | undefined
  /**
   * Files that changed while we wrote: a piece written at that time may be lost. Cleared by `checkAllFiles`, which reads these
   * files again.
   */
  #disturbed: Set<number> | undefined
  /** Verified pieces that `checkSample` hashes. Cleared by it. */
  #sample: readonly number[] = []
  #sampled: Promise<void> | undefined
  #last = SETTLED_PROMISE
  /** Stops the reads. Undefined before the first, as thousands of idle torrents have none. */
  #aborted: AbortController | undefined
  #endReason: Error | undefined
  /** Counts pieces that came into doubt. After a change, earlier reads may differ from the stored bytes. */
  doubts = 0
  /** The path of the file that lost pieces last. */
  changedPath = ''

  constructor(options: RecheckOptions) {
    super()
    this.#options = options
    this.#layout = options.layout
  }

  /** Stops reading, now and later. Nothing is confirmed or lost any more. */
  end(reason: Error): void {
    this.#endReason = reason
    this.#aborted?.abort(reason)
  }

  /** True if a piece is verified and not in doubt. */
  trusts(index: number): boolean {
    return this.#options.verified.has(index) && !this.#doubtful?.has(index)
  }

  /** Returns the verified pieces for the resume record. */
  trusted(): Bitfield {
    this.tick()
    const trusted = this.#options.verified.clone()
    for (const index of this.#doubtful ?? []) trusted.delete(index)
    for (const file of this.#disturbed ?? []) for (const index of this.#piecesOf(file)) trusted.delete(index)
    return trusted
  }

  /** Begins to read again the files that our own writes found changed. Called several times a second. */
  tick(): void {
    const noticed = this.#options.storage.watch?.takeNoticed() ?? []
    if (noticed.length > 0) this.#disturbed ??= new Set()
    for (const file of noticed) this.#disturbed?.add(file)
    this.#begin(noticed)
  }

  /** Checks these files by path, and begins to read those again that changed. @param files indices */
  async checkFiles(files: readonly number[]): Promise<void> {
    this.#begin((await this.#options.storage.watch?.findChanged(files)) ?? [])
  }

  /** Does the same for all files. Resolves when they were read. @returns true if any had changed */
  async checkAllFiles(): Promise<boolean> {
    const { watch } = this.#options.storage
    this.tick()
    await this.#last
    const changed = new Set((await watch?.findChanged([...this.#layout.files.keys()])) ?? [])
    for (const file of this.#disturbed ?? []) changed.add(file)
    this.#disturbed = undefined
    this.#begin([...changed])
    await this.#last
    return changed.size > 0
  }

  /** True if there is a sample that was not hashed. */
  get hasSample(): boolean {
    return this.#sample.length > 0
  }

  /** Sets verified pieces to hash when a peer or a reader comes. */
  setSample(pieces: readonly number[]): void {
    this.#sample = pieces
  }

  /** Resolves once the sample was hashed that `checkSample` has begun, if any. Never rejects. */
  get sampled(): Promise<void> | undefined {
    return this.#sampled
  }

  /** Hashes the sample, once. If one of its pieces is wrong, all pieces are read again. */
  checkSample(): void {
    const pieces = this.#sample
    if (pieces.length === 0) return
    this.#sample = []
    const { metainfo } = this.#options
    const signal = this.#signal
    const sampled = check({ metainfo, pieces, signal, storage: { read: this.#readIfPossible } })
      .then(right => {
        if (!pieces.every(index => right.has(index))) this.#begin([...this.#layout.files.keys()])
      })
      .catch(error => {
        if (!signal.aborted) this.emit('failed', error)
      })
    this.#sampled = sampled.finally(() => {
      this.#sampled = undefined
    })
  }

  get #signal(): AbortSignal {
    this.#aborted ??= new AbortController()
    if (this.#endReason) this.#aborted.abort(this.#endReason)
    return this.#aborted.signal
  }

  #addDoubt(index: number): void {
    this.doubts++
    this.#doubtful ??= new Bitfield(this.#options.metainfo.pieceCount)
    this.#doubtful.add(index)
  }

  /**
   * Begins to read again the first and the last piece of these files: they may be verified while the bytes of a file that was
   * not selected are not stored.
   */
  checkEnds(files: readonly number[]): void {
    const ends = files.flatMap(file => {
      const { first, last } = this.#layout.piecesOf(file) ?? {}
      return first === undefined ? [] : [first, last!]
    })
    const pieces = [...new Set(ends)].filter(index => this.#options.verified.has(index))
    if (pieces.length > 0) this.#begin(files, pieces, false)
  }

  #begin(
    files: readonly number[],
    pieces = files.flatMap(file => this.#piecesOf(file)),
    areChanged = true,
  ): void {
    if (files.length === 0) return
    for (const index of pieces) if (this.#options.verified.has(index)) this.#addDoubt(index)
    const signal = this.#signal
    this.#last = this.#last
      .then(() => this.#readAgain(files, areChanged))
      .catch(error => {
        if (!signal.aborted) this.emit('failed', error)
      })
  }

  async #readAgain(files: readonly number[], areChanged: boolean): Promise<void> {
    const { metainfo, storage } = this.#options
    const signal = this.#signal
    const pieces = [...new Set(files.flatMap(file => this.#piecesOf(file)))].filter(index =>
      this.#doubtful?.has(index),
    )
    // first, so that changes during the read are noticed again
    await storage.watch?.remember(files)
    const right = await check({ metainfo, pieces, signal, storage: { read: this.#readIfPossible } })
    for (const index of pieces) {
      this.#doubtful?.delete(index)
      if (right.has(index)) this.emit('confirmed', index)
    }
    const wrong = pieces.filter(index => !right.has(index))
    for (const index of wrong) {
      this.#options.verified.delete(index)
      this.emit('lost', index)
    }
    if (areChanged) for (const file of files) this.#warnOf(file, wrong)
  }

  /** Reads the storage. A file that cannot be read counts as missing. */
  readonly #readIfPossible = async (position: number, target: Uint8Array): Promise<number> => {
    try {
      return await this.#options.storage.read(position, target)
    } catch (error) {
      if (error instanceof StorageError && error.code !== 'ERR_ABORTED') return 0
      throw error
    }
  }

  #warnOf(file: number, wrong: readonly number[]): void {
    const { first = 0, last = -1 } = this.#layout.piecesOf(file) ?? {}
    const count = wrong.filter(index => index >= first && index <= last).length
    if (count === 0) return
    const pieces = count === 1 ? '1 of its pieces is' : `${count} of its pieces are`
    this.changedPath = this.#layout.files[file]!.path
    const message = `${this.changedPath} was changed by another program: ${pieces} no longer right`
    this.emit('warning', new StorageError('ERR_CHANGED', message))
  }

  #piecesOf(file: number): number[] {
    const { first = 0, last = -1 } = this.#layout.piecesOf(file) ?? {}
    return Array.from({ length: last - first + 1 }, (_, at) => first + at)
  }
}
