/** Keeps a limited number of files open. */
import { setTimeout } from 'node:timers/promises'
import { type FileHandle, systemCode } from '../ports/file-system.ts'
import { OpenFileLimit } from './open-file-limit.ts'
import type { Access, SafeDirectory } from './safe-directory.ts'

/** A file in use. Return it with `release`. */
export interface Lease {
  readonly handle: FileHandle
}

/** Delay between two tries to open a file while the process has no free descriptor, milliseconds, and number of tries. */
const RETRY_MS = 250
const MAX_TRIES = 120

export interface HandlePoolOptions {
  /** Resolves after some milliseconds. @default a timer of Node */
  readonly pause?: (milliseconds: number) => Promise<unknown>
}

interface HandleSlot {
  /** The limit that counts it. */
  readonly limit: OpenFileLimit
  readonly path: string
  readonly access: Access
  /** Number of leases, and of callers that wait for the file to open. The file is not closed while there are any. */
  users: number
  /** Settles when the file is open, or known to be missing. */
  opened: Promise<void>
  handle: FileHandle | undefined
  /** True if the slot is not in the map any more. The file closes when it is idle. */
  retired: boolean
  /** Closes the file, which is idle, for another one. */
  close(): Promise<void>
}

/**
 * Keeps files open within a limit, which several pools may share. Files open for reading until they are written, so that a
 * read-only tree can be verified. A caller waits while all files are in use, so it must not hold two leases at once.
 */
export class HandlePool {
  /** The limit for files that are opened from now on. */
  limit: OpenFileLimit
  readonly #directory: Pick<SafeDirectory, 'open'>
  /** By path. Made when needed, as most torrents are idle. */
  #slots: Map<string, HandleSlot> | undefined
  /** Descriptors that are opening, open or closing. */
  #count = 0
  /** Settles when `#count` falls to 0. */
  #emptied: (() => void) | undefined
  readonly #pause: (milliseconds: number) => Promise<unknown>
  /** Number of files that wait for a free descriptor of the process. */
  #starved = 0
  #ending = false
  #failure: { readonly error: unknown } | undefined

  /** @param directory opens the files */
  constructor(
    directory: Pick<SafeDirectory, 'open'>,
    limit: number | OpenFileLimit,
    { pause = setTimeout }: HandlePoolOptions = {},
  ) {
    this.#directory = directory
    this.limit = typeof limit === 'number' ? new OpenFileLimit(limit) : limit
    this.#pause = pause
  }

  /** True while no file can be opened since the rest of the process holds all descriptors. */
  get starved(): boolean {
    return this.#starved > 0
  }

  /** Stops waiting for descriptors: files that wait for one fail. */
  giveUp(): void {
    this.#ending = true
  }

  /** Opens the file at `path`, once for concurrent callers. Resolves with undefined if it is missing. */
  async acquire(path: string, access: Access): Promise<Lease | undefined> {
    const slot = this.#slotFor(path, access)
    slot.users++
    slot.limit.deleteIdle(slot)
    if (slot.handle !== undefined) return slot as Lease
    try {
      await slot.opened
    } catch (error) {
      slot.users--
      throw error
    }
    if (slot.handle !== undefined) return slot as Lease
    slot.users--
    return undefined
  }

  release(lease: Lease): void {
    const slot = lease as HandleSlot
    if (--slot.users > 0) return
    if (slot.retired) void this.#close(slot)
    else slot.limit.addIdle(slot)
  }

  /** Closes the open file at `path` when it is idle. The next caller opens the file that is at the path then. */
  evict(path: string): void {
    const slot = this.#slots?.get(path)
    if (slot?.handle === undefined) return // A file that is just being opened is the one at the path.
    this.#slots?.delete(path)
    slot.retired = true
    if (slot.users === 0) void this.#close(slot)
  }

  /** Closes the files that are idle. */
  closeIdle(): void {
    for (const { path, users } of [...(this.#slots?.values() ?? [])]) if (users === 0) this.evict(path)
    if (this.#slots?.size === 0) this.#slots = undefined
  }

  /** Closes all files. No file may be in use. Rejects with the first error of closing any file. */
  async close(): Promise<void> {
    for (const slot of this.#slots?.values() ?? []) void this.#close(slot)
    if (this.#count > 0) {
      await new Promise<void>(resolve => {
        this.#emptied = resolve
      })
    }
    this.check()
  }

  /** Throws the first error of closing any file so far: written bytes may then be lost. */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure.error
  }

  #slotFor(path: string, access: Access): HandleSlot {
    const known = this.#slots?.get(path)
    if (known !== undefined) {
      if (serves(known, access)) return known
      this.#slots?.delete(path)
      known.retired = true
      if (known.users === 0) void this.#close(known)
    }
    const slot: HandleSlot = {
      limit: this.limit,
      close: () => this.#shut(slot).then(() => this.#uncount()),
      path,
      access,
      users: 0,
      opened: Promise.resolve(),
      handle: undefined,
      retired: false,
    }
    this.#slots ??= new Map()
    this.#slots.set(path, slot)
    slot.opened = this.#fill(slot)
    return slot
  }

  async #fill(slot: HandleSlot): Promise<void> {
    try {
      for (let tries = 1; ; tries++) {
        await slot.limit.claim(this)
        this.#count++
        if (await this.#tryOpen(slot, tries === MAX_TRIES)) return
      }
    } finally {
      if (slot.handle === undefined && !slot.retired) this.#slots?.delete(slot.path)
    }
  }

  /** Opens a file in a claimed place. Resolves with false if the process has no free descriptor, for another try. */
  async #tryOpen(slot: HandleSlot, last: boolean): Promise<boolean> {
    try {
      slot.handle = await this.#directory.open(slot.path, slot.access)
      if (slot.handle !== undefined) slot.limit.noteOpened()
      return true
    } catch (error) {
      const code = systemCode(error)
      if ((code !== 'EMFILE' && code !== 'ENFILE') || last || this.#ending) throw error
      slot.limit.lower()
    } finally {
      if (slot.handle === undefined) this.#free(slot)
    }
    if (slot.limit.openCount === 0) await this.#starve()
    return false
  }

  /** Waits for connections to free descriptors. */
  async #starve(): Promise<void> {
    this.#starved++
    await this.#pause(RETRY_MS)
    this.#starved--
  }

  async #close(slot: HandleSlot): Promise<void> {
    slot.limit.deleteIdle(slot)
    await this.#shut(slot)
    this.#free(slot)
  }

  /** Closes a file but keeps its place counted. It never rejects. */
  async #shut(slot: HandleSlot): Promise<void> {
    if (!slot.retired) this.#slots?.delete(slot.path)
    try {
      await slot.handle!.close()
    } catch (error) {
      // Network file systems report a failed write here. `check` throws it.
      this.#failure ??= { error }
    }
    slot.limit.noteClosed()
  }

  #free(slot: HandleSlot): void {
    this.#uncount()
    slot.limit.free()
  }

  #uncount(): void {
    if (--this.#count === 0) this.#emptied?.()
  }
}

/** True if a file that was opened, or is being opened, gives this access. */
function serves({ access, handle }: HandleSlot, wanted: Access): boolean {
  if (wanted === 'read' || access === 'write') return true
  // While it opens to be updated, it may still turn out to be missing.
  return access === 'update' && (wanted === 'update' || handle !== undefined)
}
