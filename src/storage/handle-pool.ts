/** Keeps few files open for the many that a torrent may have. */
import { setTimeout } from 'node:timers/promises'
import { type FileHandle, systemCode } from '../ports/file-system.ts'
import type { Access } from './safe-directory.ts'

/** A file in use: give it back with `release`. */
export interface Lease {
  readonly handle: FileHandle
}

/** Milliseconds between two tries to open a file while the process has no descriptor left, and how often that is tried. */
const RETRY_MS = 250
const MAX_TRIES = 120

export interface HandlePoolOptions {
  /** Resolves after some milliseconds. @default the timer of this process */
  readonly pause?: (milliseconds: number) => Promise<unknown>
}

interface Slot {
  readonly path: string
  readonly access: Access
  /** Leases out, and those waiting for the file to open. Never closed while there are any. */
  users: number
  /** Settles when `handle` is there, or it is known that there will be none. */
  opened: Promise<void>
  handle: FileHandle | undefined
  /** No longer in the map, because a writable handle took its place: closed once it is idle. */
  retired: boolean
}

/**
 * At most `limit` open files; the least recently used one that is idle gives way, one in use never does.
 * Opens for reading only until somebody writes, so that a read-only tree can be verified.
 * Whoever finds no room waits: so hold one lease at a time.
 */
export class HandlePool {
  readonly #open: (path: string, access: Access) => Promise<FileHandle | undefined>
  #limit: number
  /** By path, least recently used first. */
  readonly #slots = new Map<string, Slot>()
  /** Descriptors that are opening, open or closing. */
  #count = 0
  readonly #waiting: (() => void)[] = []
  readonly #pause: (milliseconds: number) => Promise<unknown>
  /** How many files wait until the rest of the process gives a descriptor back. */
  #starved = 0
  #ending = false
  #failure: { readonly error: unknown } | undefined

  /** @param open resolves with nothing when reading what is not there */
  constructor(
    open: (path: string, access: Access) => Promise<FileHandle | undefined>,
    limit: number,
    { pause = setTimeout }: HandlePoolOptions = {},
  ) {
    this.#open = open
    this.#limit = limit
    this.#pause = pause
  }

  /** True while no file can be opened, because the rest of the process holds all descriptors. */
  get starved(): boolean {
    return this.#starved > 0
  }

  /** Waits for descriptors no longer: what waits for one fails. */
  giveUp(): void {
    this.#ending = true
  }

  /** The file at `path`, opened if need be, once for all who ask meanwhile; nothing if it is missing. */
  async acquire(path: string, access: Access): Promise<Lease | undefined> {
    const slot = this.#slotFor(path, access)
    slot.users++
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
    const slot = lease as Slot
    if (--slot.users > 0) return
    if (slot.retired) void this.#close(slot)
    else this.#wake()
  }

  /** Lets go of the open file at `path`, so that the next who asks gets what is there then. */
  evict(path: string): void {
    const slot = this.#slots.get(path)
    if (slot?.handle === undefined) return // one that is opening is what is there now
    this.#slots.delete(path)
    slot.retired = true
    if (slot.users === 0) void this.#close(slot)
  }

  /** Closes every file; only when no lease is out. Rejects with the first error that any closing met. */
  async close(): Promise<void> {
    for (const slot of this.#slots.values()) void this.#close(slot)
    while (this.#count > 0) await this.#turn()
    this.check()
  }

  /** Throws the first error that any closing met so far: what was written may then be lost. */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure.error
  }

  #slotFor(path: string, access: Access): Slot {
    const known = this.#slots.get(path)
    if (known !== undefined) {
      this.#slots.delete(path)
      if (serves(known, access)) {
        this.#slots.set(path, known)
        return known
      }
      known.retired = true
      if (known.users === 0) void this.#close(known)
    }
    const slot: Slot = {
      path,
      access,
      users: 0,
      opened: Promise.resolve(),
      handle: undefined,
      retired: false,
    }
    this.#slots.set(path, slot)
    slot.opened = this.#fill(slot)
    return slot
  }

  async #fill(slot: Slot): Promise<void> {
    try {
      for (let tries = 1; ; tries++) {
        await this.#claim()
        if (await this.#tryOpen(slot, tries === MAX_TRIES)) return
      }
    } finally {
      if (slot.handle === undefined && !slot.retired) this.#slots.delete(slot.path)
    }
  }

  /** Opens in a claimed place. False if the process has no descriptor left and it is worth to try again. */
  async #tryOpen(slot: Slot, last: boolean): Promise<boolean> {
    try {
      slot.handle = await this.#open(slot.path, slot.access)
      return true
    } catch (error) {
      const code = systemCode(error)
      if ((code !== 'EMFILE' && code !== 'ENFILE') || last || this.#ending) throw error
      const held = this.#held()
      // What we were told to use is more than there is, so make do with what we got.
      if (held > 0) this.#limit = Math.min(this.#limit, held)
    } finally {
      if (slot.handle === undefined) this.#free()
    }
    if (this.#held() === 0) await this.#starve()
    return false
  }

  /** Waits a little for connections to give descriptors back: they come and go, and a file is needed. */
  async #starve(): Promise<void> {
    this.#starved++
    await this.#pause(RETRY_MS)
    this.#starved--
  }

  #held(): number {
    let held = 0
    for (const slot of this.#slots.values()) if (slot.handle !== undefined) held++
    return held
  }

  /** Resolves when one more may be opened, and has counted it: nobody else can take its place. */
  async #claim(): Promise<void> {
    while (this.#count >= this.#limit) {
      const idle = this.#idle()
      if (idle === undefined) {
        await this.#turn()
        continue
      }
      await this.#shut(idle)
      // Nobody is woken: the place is ours, unless the limit fell meanwhile.
      this.#count--
    }
    this.#count++
  }

  #idle(): Slot | undefined {
    for (const slot of this.#slots.values()) if (slot.users === 0 && slot.handle !== undefined) return slot
    return undefined
  }

  async #close(slot: Slot): Promise<void> {
    await this.#shut(slot)
    this.#free()
  }

  /** Closes a file but leaves its place counted. Never rejects. */
  async #shut(slot: Slot): Promise<void> {
    if (!slot.retired) this.#slots.delete(slot.path)
    try {
      await slot.handle!.close()
    } catch (error) {
      // Network file systems report a failed write here; nobody waits for it any more but `check`.
      this.#failure ??= { error }
    }
  }

  #free(): void {
    this.#count--
    this.#wake()
  }

  /** Resolves when something closed or became idle. */
  #turn(): Promise<void> {
    return new Promise(resolve => this.#waiting.push(resolve))
  }

  #wake(): void {
    this.#waiting.shift()?.()
  }
}

/** True if a file that was opened, or is being opened, gives this access. */
function serves({ access, handle }: Slot, wanted: Access): boolean {
  if (wanted === 'read' || access === 'write') return true
  // While it opens to be updated, it may still turn out to be missing.
  return access === 'update' && (wanted === 'update' || handle !== undefined)
}
