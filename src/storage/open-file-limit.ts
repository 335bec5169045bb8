import { findDescriptorLimit } from '../ports/file-system.ts'

/** The default limit, and its share of the descriptors that the process may have: connections need most of them. */
const MIN_OPEN_FILES = 128
const MAX_OPEN_FILES = 1024
const OPEN_FILES_SHARE = 1 / 4

/** An open file that is not in use. */
export interface IdleFile {
  /** Closes the file. Its place is free afterwards. Never rejects. */
  close(): Promise<void>
}

/**
 * Limits the open files of several storages together. The file that was used least recently is closed for another. Storages
 * that wait for a place get one in turn.
 */
export class OpenFileLimit {
  #files: number
  /** Places of files that are opening, open or closing. */
  #taken = 0
  #open = 0
  /** The least recently used first. */
  readonly #idle = new Set<IdleFile>()
  /** Callers that wait for a place, by owner: the owner that is served next comes first. */
  readonly #waiting = new Map<object, (() => void)[]>()
  #waitingCount = 0
  /** Idle files that are being closed for others. */
  #closing = 0

  /** @param files the number of files, at least 1 */
  constructor(files: number) {
    this.#files = files
  }

  /** The number of files that are open. */
  get openCount(): number {
    return this.#open
  }

  /** Resolves when one more file may be opened. Its place is taken then. @param owner the storage, or its pool */
  claim(owner: object): Promise<void> {
    if (this.#waitingCount === 0 && this.#taken < this.#files) {
      this.#taken++
      return Promise.resolve()
    }
    return new Promise(resolve => {
      const queue = this.#waiting.get(owner) ?? []
      this.#waiting.set(owner, queue)
      queue.push(resolve)
      this.#waitingCount++
      this.#serve()
    })
  }

  /** Gives a place back. */
  free(): void {
    this.#taken--
    this.#serve()
  }

  /** Notes that a file was opened in its place. */
  noteOpened(): void {
    this.#open++
  }

  /** Notes that a file was closed. */
  noteClosed(): void {
    this.#open--
  }

  /** Lets a file be closed for another. */
  addIdle(file: IdleFile): void {
    this.#idle.add(file)
    this.#serve()
  }

  /** Keeps a file open, as it is used again. */
  deleteIdle(file: IdleFile): void {
    this.#idle.delete(file)
  }

  /** Lowers the limit to the number of files that are open now, as the process can open no more. */
  lower(): void {
    if (this.#open > 0) this.#files = Math.min(this.#files, this.#open)
  }

  #serve(): void {
    while (this.#waitingCount > 0 && this.#taken < this.#files) {
      this.#taken++
      this.#takeNext()()
    }
    for (const file of this.#idle) {
      if (this.#waitingCount <= this.#closing) return
      this.#idle.delete(file)
      this.#closing++
      void file.close().then(() => {
        this.#closing--
        this.free()
      })
    }
  }

  /** Takes the first caller of the first owner, which goes behind the others. */
  #takeNext(): () => void {
    const [owner, queue] = this.#waiting.entries().next().value!
    const resolve = queue.shift()!
    this.#waitingCount--
    this.#waiting.delete(owner)
    if (queue.length > 0) this.#waiting.set(owner, queue)
    return resolve
  }
}

/** Returns the number of files that a client may keep open: 128 to 1,024, as the system allows. */
export function defaultOpenFiles(): number {
  const share = Math.floor((findDescriptorLimit() ?? 0) * OPEN_FILES_SHARE)
  return Math.max(MIN_OPEN_FILES, Math.min(MAX_OPEN_FILES, share))
}
