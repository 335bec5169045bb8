import type { SessionSettings } from '../records/session-record.ts'
import { isWithin, weekTimeOf } from './weekly-times.ts'

/** Says when the times of the alternative rates begin and end. Between the two the user may switch these rates. */
export class AlternativeTimes {
  #wasTime: boolean | undefined

  /** Forgets its last answer, because the times have changed. */
  reset(): void {
    this.#wasTime = undefined
  }

  /** Returns true to switch the alternative rates on, false to switch them off, and undefined to leave them. */
  update(settings: SessionSettings, now: number): boolean | undefined {
    const { alternative, alternativeTimes } = settings
    if (!alternativeTimes.enabled) return undefined
    const isTime = isWithin(alternativeTimes, weekTimeOf(now))
    if (isTime === this.#wasTime) return undefined
    this.#wasTime = isTime
    return isTime === alternative.enabled ? undefined : isTime
  }
}
