import { JointLimit } from '../../pipeline/limits/joint-limit.ts'
import { RateLimit } from '../../pipeline/limits/rate-limit.ts'
import { RateShare } from '../../pipeline/limits/rate-share.ts'
import { ReplaceableLimit } from '../../pipeline/limits/replaceable-limit.ts'
import type { Clock } from '../../ports/clock.ts'
import type { ByteLimit } from '../../streams/byte-limit.ts'
import { type Limit, rateOf } from '../records/fields.ts'
import type { SessionSettings } from '../records/session-record.ts'
import type { SessionTorrentOptions } from '../records/torrent-record.ts'
import { GroupRates } from './group-rates.ts'

/** Weights in the rates of the session. */
const PRIORITY_WEIGHTS = { low: 0.5, normal: 1, high: 2 } as const
const RATE_DIRECTIONS = ['up', 'down'] as const

type RateSettings = Pick<SessionSettings, 'alternative' | 'up' | 'down'>

/** Returns the limit that holds: the alternative one while these are enabled. */
export function rateLimitOf(settings: RateSettings, direction: 'up' | 'down'): Limit {
  const { alternative } = settings
  return alternative.enabled ? { enabled: true, value: alternative[direction] } : settings[direction]
}

/** The rate limits of all torrents of a session together, and of its bandwidth groups. They can change at any time. */
export class SessionRates {
  readonly clock: Clock
  readonly up: RateLimit
  readonly down: RateLimit
  readonly #groups = new Map<string, GroupRates>()
  /** The rates of the torrents that run. */
  readonly #torrents = new Set<TorrentRateLimits>()
  readonly #unlimited: RateLimit

  constructor(clock: Clock) {
    this.clock = clock
    this.up = new RateLimit({ clock })
    this.down = new RateLimit({ clock })
    this.#unlimited = new RateLimit({ clock })
  }

  /** Takes the rates from the settings: the alternative ones while these are enabled. */
  apply(settings: RateSettings & Pick<SessionSettings, 'groups'>): void {
    for (const direction of RATE_DIRECTIONS) this[direction].rate = rateOf(rateLimitOf(settings, direction))
    for (const [name, group] of Object.entries(settings.groups)) {
      const rates = this.#groups.get(name) ?? new GroupRates(this, this.clock)
      this.#groups.set(name, rates)
      rates.apply(group)
    }
    const removed = [...this.#groups].filter(([name]) => !Object.hasOwn(settings.groups, name))
    for (const [name] of removed) this.#groups.delete(name)
    for (const torrent of this.#torrents) torrent.join()
    for (const [, rates] of removed) rates.close()
  }

  /** Returns the limit of a torrent besides its own: that of its group, or of the session. */
  limitOf({ group, honorsSessionLimits }: GroupOptions, direction: 'up' | 'down'): ByteLimit {
    if (!honorsSessionLimits) return this.#unlimited
    return this.#groups.get(group)?.limitOf(direction) ?? this[direction]
  }

  /** Tells a torrent of changes, until `leave`. */
  enter(torrent: TorrentRateLimits): void {
    this.#torrents.add(torrent)
  }

  /** Ends `enter`. */
  leave(torrent: TorrentRateLimits): void {
    this.#torrents.delete(torrent)
  }

  /** Drops all requests. */
  close(): void {
    for (const group of this.#groups.values()) group.close()
    this.up.close()
    this.down.close()
  }
}

type GroupOptions = Pick<SessionTorrentOptions, 'group' | 'honorsSessionLimits'>
type RateOptions = GroupOptions & Pick<SessionTorrentOptions, 'bandwidthPriority' | 'up' | 'down'>

/** The rate limits of one run of a torrent: its own, and its share of those of its group or of the session. */
export class TorrentRateLimits {
  readonly up: ByteLimit
  readonly down: ByteLimit
  readonly #session: SessionRates
  readonly #own: Readonly<Record<'up' | 'down', RateLimit>>
  readonly #common: Readonly<Record<'up' | 'down', ReplaceableLimit>>
  readonly #shares: readonly RateShare[]
  #options: RateOptions

  constructor(session: SessionRates, options: RateOptions) {
    const { clock } = session
    this.#session = session
    this.#options = options
    this.#own = { up: new RateLimit({ clock }), down: new RateLimit({ clock }) }
    this.#common = {
      up: new ReplaceableLimit(session.limitOf(options, 'up')),
      down: new ReplaceableLimit(session.limitOf(options, 'down')),
    }
    const [up, down] = [new RateShare(this.#common.up), new RateShare(this.#common.down)]
    this.#shares = [up, down]
    this.up = new JointLimit(this.#own.up, up)
    this.down = new JointLimit(this.#own.down, down)
    this.apply(options)
    session.enter(this)
  }

  /** Takes the rates, the weight and the group from the options of the torrent. */
  apply(options: RateOptions): void {
    this.#options = options
    for (const share of this.#shares) share.weight = PRIORITY_WEIGHTS[options.bandwidthPriority]
    for (const direction of RATE_DIRECTIONS) this.#own[direction].rate = rateOf(options[direction])
    this.join()
  }

  /** Takes the limits of its group or of the session, as they are now. */
  join(): void {
    for (const direction of RATE_DIRECTIONS)
      this.#common[direction].replace(this.#session.limitOf(this.#options, direction))
  }

  /** Drops all requests. */
  close(): void {
    this.#session.leave(this)
    for (const limit of [...this.#shares, ...Object.values(this.#own)]) limit.close()
  }
}
