import { JointLimit } from '../../pipeline/limits/joint-limit.ts'
import { RateLimit } from '../../pipeline/limits/rate-limit.ts'
import { RateShare } from '../../pipeline/limits/rate-share.ts'
import type { Clock } from '../../ports/clock.ts'
import type { ByteLimit } from '../../streams/byte-limit.ts'
import type { Limit } from '../records/fields.ts'
import type { SessionSettings } from '../records/session-record.ts'
import type { SessionTorrentOptions } from '../records/torrent-record.ts'

/** Weights in the rates of the session. */
const PRIORITY_WEIGHTS = { low: 0.5, normal: 1, high: 2 } as const
const RATE_DIRECTIONS = ['up', 'down'] as const

type RateSettings = Pick<SessionSettings, 'alternative' | 'up' | 'down'>

/** Returns the limit that holds: the alternative one while these are enabled. */
export function rateLimitOf(settings: RateSettings, direction: 'up' | 'down'): Limit {
  const { alternative } = settings
  return alternative.enabled ? { enabled: true, value: alternative[direction] } : settings[direction]
}

/** The rate limits of all torrents of a session together. They can change at any time. */
export class SessionRates {
  readonly clock: Clock
  readonly up: RateLimit
  readonly down: RateLimit

  constructor(clock: Clock) {
    this.clock = clock
    this.up = new RateLimit({ clock })
    this.down = new RateLimit({ clock })
  }

  /** Takes the rates from the settings: the alternative ones while these are enabled. */
  apply(settings: RateSettings): void {
    for (const direction of RATE_DIRECTIONS) this[direction].rate = rateOf(rateLimitOf(settings, direction))
  }

  /** Drops all asks. */
  close(): void {
    this.up.close()
    this.down.close()
  }
}

/** The rate limits of one run of a torrent: its own, and its share of those of the session. */
export class TorrentRateLimits {
  readonly up: ByteLimit
  readonly down: ByteLimit
  readonly #own: Readonly<Record<'up' | 'down', RateLimit>>
  readonly #shares: readonly RateShare[]

  constructor(session: SessionRates, options: SessionTorrentOptions) {
    const { clock } = session
    this.#own = { up: new RateLimit({ clock }), down: new RateLimit({ clock }) }
    const shares = options.honorsSessionLimits ? RATE_DIRECTIONS.map(at => new RateShare(session[at])) : []
    this.#shares = shares
    const [up, down] = RATE_DIRECTIONS.map((at, index) => {
      const share = shares[index]
      return share ? new JointLimit(this.#own[at], share) : this.#own[at]
    })
    this.up = up!
    this.down = down!
    this.apply(options)
  }

  /** Takes the rates and the weight from the options of the torrent. */
  apply(options: Pick<SessionTorrentOptions, 'bandwidthPriority' | 'up' | 'down'>): void {
    for (const share of this.#shares) share.weight = PRIORITY_WEIGHTS[options.bandwidthPriority]
    for (const direction of RATE_DIRECTIONS) this.#own[direction].rate = rateOf(options[direction])
  }

  /** Drops all asks. */
  close(): void {
    for (const limit of [...this.#shares, ...Object.values(this.#own)]) limit.close()
  }
}

/** Returns bytes per second. A limit of 0 lets a first block pass and hardly anything after it. */
function rateOf({ enabled, value }: Limit): number {
  return enabled ? Math.max(1, value) : Number.POSITIVE_INFINITY
}
