import { JsonText } from './json-text.ts'
import { toLegacy } from './key-names.ts'
import { type RpcTorrent, trackersOf } from './rpc-torrent.ts'
import {
  describeAnnounces,
  describeTiers,
  formatTiers,
  NO_SCRAPE,
  type RpcTrackerStatus,
  trackerHostOf,
} from './tracker-fields.ts'

/** Characters of the lists that are kept. A list of three trackers has about 6,000. */
const MAX_KEPT_LENGTH = 4_194_304

/** A list of trackers as JSON. */
interface TrackersText {
  /** The value of `trackers`. */
  readonly trackers: JsonText
  /** The value of `tracker_stats` while no tracker is asked. */
  readonly silent: JsonText
  /** Each tracker, and the members of its statistics that do not change, up to the comma before the others. */
  readonly fixed: readonly (readonly [url: string, members: string])[]
}

/**
 * The JSON of trackers in one dialect. There are 28 members for each tracker, most of them do not change, and most torrents
 * of a session share a few lists of trackers: so each list is written once.
 */
export class TrackerTexts {
  readonly #isLegacy: boolean
  readonly #kept = new Map<string, TrackersText>()
  #length = 0

  constructor(isLegacy: boolean) {
    this.#isLegacy = isLegacy
  }

  /** Lists the trackers of a torrent. */
  listTrackers(view: RpcTorrent): JsonText {
    return this.#textOf(trackersOf(view)).trackers
  }

  /** Describes what the trackers of a torrent answered. @param now milliseconds since 1970 */
  listStats(view: RpcTorrent, now: number): JsonText {
    const { fixed, silent } = this.#textOf(trackersOf(view))
    const statuses = view.torrent.torrent?.discovery.trackers ?? []
    if (statuses.length === 0) return silent
    const byUrl = new Map(statuses.map(status => [status.url, status]))
    return new JsonText(
      `[${fixed.map(([url, members]) => members + this.#formatAnnounces(byUrl.get(url), now)).join()}]`,
    )
  }

  #textOf(tiers: readonly (readonly string[])[]): TrackersText {
    const key = formatTiers(tiers)
    const known = this.#kept.get(key)
    if (known) return known
    const text = this.#write(tiers)
    if (this.#length > MAX_KEPT_LENGTH) {
      this.#kept.clear()
      this.#length = 0
    }
    this.#kept.set(key, text)
    this.#length += key.length + text.trackers.text.length + 2 * text.silent.text.length
    return text
  }

  #write(tiers: readonly (readonly string[])[]): TrackersText {
    const trackers = describeTiers(tiers)
    const fixed = trackers.map(tracker => {
      const members = { ...tracker, host: trackerHostOf(tracker.announce), is_backup: false, ...NO_SCRAPE }
      return [tracker.announce, `${this.#format(members).slice(0, -1)},`] as const
    })
    const unasked = this.#formatAnnounces(undefined, 0)
    return {
      trackers: new JsonText(this.#format(trackers)),
      silent: new JsonText(`[${fixed.map(([, members]) => members + unasked).join()}]`),
      fixed,
    }
  }

  #formatAnnounces(status: RpcTrackerStatus | undefined, now: number): string {
    return this.#format(describeAnnounces(status, now)).slice(1)
  }

  #format(value: object): string {
    return JSON.stringify(this.#isLegacy ? toLegacy(value, 'camel') : value)
  }
}
