import { JointLimit } from '../../pipeline/limits/joint-limit.ts'
import { RateLimit } from '../../pipeline/limits/rate-limit.ts'
import type { Clock } from '../../ports/clock.ts'
import type { ByteLimit } from '../../streams/byte-limit.ts'
import { rateOf } from '../records/fields.ts'
import type { BandwidthGroup } from '../records/session-record.ts'

type PerDirection<T> = Readonly<Record<'up' | 'down', T>>

/** The rate limits of a bandwidth group: its own, and those of the session unless it is exempt from these. */
export class GroupRates {
  readonly #own: PerDirection<RateLimit>
  readonly #joint: PerDirection<ByteLimit>
  #honorsSession = true

  constructor(session: PerDirection<RateLimit>, clock: Clock) {
    this.#own = { up: new RateLimit({ clock }), down: new RateLimit({ clock }) }
    this.#joint = {
      up: new JointLimit(this.#own.up, session.up),
      down: new JointLimit(this.#own.down, session.down),
    }
  }

  /** Takes the rates from a group of the settings. */
  apply({ down, honorsSessionLimits, up }: BandwidthGroup): void {
    this.#own.up.rate = rateOf(up)
    this.#own.down.rate = rateOf(down)
    this.#honorsSession = honorsSessionLimits
  }

  /** Returns the limit that holds for its torrents together. */
  limitOf(direction: 'up' | 'down'): ByteLimit {
    return (this.#honorsSession ? this.#joint : this.#own)[direction]
  }

  /** Drops all requests. */
  close(): void {
    this.#own.up.close()
    this.#own.down.close()
  }
}
