import { resolve } from 'node:path'
import { readChanges } from './records/fields.ts'
import {
  defaultSettings,
  SESSION_SETTINGS,
  type SessionRecord,
  type SessionSettings,
  type SessionTotals,
} from './records/session-record.ts'
import type { StateStore, StoredState } from './store/state-store.ts'
import { Lane } from './torrent/lane.ts'

const ZERO_TOTALS: SessionTotals = { downloaded: 0, uploaded: 0, added: 0, runs: 0, runningTime: 0 }

/** The remembered state of a session, besides its torrents. */
export class StoredSession {
  readonly #store: StateStore
  /** One save at a time. */
  readonly #lane = new Lane()
  #record: SessionRecord

  /** Counts one more run. @param directory of a new session */
  constructor(store: StateStore, { session, torrents }: StoredState, directory: string) {
    const { nextId = 1, settings = defaultSettings(resolve(directory)), totals = ZERO_TOTALS } = session ?? {}
    this.#store = store
    this.#record = {
      settings,
      nextId: torrents.reduce((next, { id }) => Math.max(next, id + 1), nextId),
      totals: { ...totals, runs: totals.runs + 1 },
    }
  }

  get settings(): SessionSettings {
    return this.#record.settings
  }

  get totals(): SessionTotals {
    return this.#record.totals
  }

  /** Returns an id that no torrent has or had. */
  takeId(): number {
    const { nextId } = this.#record
    this.#record = { ...this.#record, nextId: nextId + 1 }
    return nextId
  }

  /** Adds to the totals. They are saved with the next save. */
  count(counts: Partial<SessionTotals>): void {
    const totals: Record<string, number> = { ...this.#record.totals }
    for (const [name, value] of Object.entries(counts)) totals[name] = (totals[name] ?? 0) + value
    this.#record = { ...this.#record, totals: totals as unknown as SessionTotals }
  }

  /** Changes settings, and saves them. Rejects with a StorageError; nothing has changed then. */
  async set(changes: Partial<SessionSettings>): Promise<void> {
    if (Object.keys(changes).length === 0) return
    await this.#lane.add(async () => {
      await this.#store.saveSession({ ...this.#record, settings: { ...this.settings, ...changes } })
      this.#record = { ...this.#record, settings: { ...this.settings, ...changes } }
    })
  }

  /** Saves all of it. Rejects with a StorageError. */
  async save(): Promise<void> {
    await this.#lane.add(() => this.#store.saveSession(this.#record))
  }
}

/** Checks settings. @throws InputError ERR_USAGE that names an unknown or invalid one */
export function readSettings(settings: Partial<SessionSettings>): Partial<SessionSettings> {
  return readChanges(SESSION_SETTINGS, settings, 'settings')
}
