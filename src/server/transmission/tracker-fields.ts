import type { Torrent } from '../../pipeline/torrent.ts'

/** The states of an announce. */
const ANNOUNCE_INACTIVE = 0
const ANNOUNCE_WAITING = 1
const ANNOUNCE_ACTIVE = 3
/** A count that is not known. */
const UNKNOWN_COUNT = -1

/** The status of one tracker of a torrent. */
export type RpcTrackerStatus = Torrent['discovery']['trackers'][number]

interface RpcTracker {
  readonly id: number
  readonly announce: string
  readonly scrape: string
  readonly sitename: string
  readonly tier: number
}

/** Describes the trackers of tiers. Their ids are their places in the list. */
export function describeTiers(tiers: readonly (readonly string[])[]): RpcTracker[] {
  const all = tiers.flatMap((urls, tier) => urls.map(announce => ({ announce, tier })))
  return all.map(({ announce, tier }, id) => ({
    ...{ id, announce, tier },
    scrape: announce.includes('/announce') ? announce.replace('/announce', '/scrape') : '',
    sitename: siteOf(announce),
  }))
}

/** Writes trackers as text: a URL in each line, and a blank line between tiers. */
export function formatTiers(tiers: readonly (readonly string[])[]): string {
  return tiers.map(tier => tier.join('\n')).join('\n\n')
}

/** Reads trackers as `formatTiers` writes them. */
export function parseTrackers(text: string): string[][] {
  return text
    .split(/\n[ \t\r]*\n/)
    .map(tier => tier.split('\n').flatMap(line => (line.trim() === '' ? [] : [line.trim()])))
    .filter(tier => tier.length > 0)
}

/** Trackers are not scraped on their own: announces bring the numbers. */
export const NO_SCRAPE = {
  download_count: UNKNOWN_COUNT,
  downloader_count: UNKNOWN_COUNT,
  has_scraped: false,
  last_scrape_result: '',
  last_scrape_start_time: 0,
  last_scrape_succeeded: false,
  last_scrape_time: 0,
  last_scrape_timed_out: false,
  next_scrape_time: 0,
  scrape_state: 0,
}

/** Describes the announces to a tracker. @param status undefined if it is not asked @param now milliseconds since 1970 */
export function describeAnnounces(status: RpcTrackerStatus | undefined, now: number): object {
  const {
    error,
    isAsking = false,
    leechers,
    nextIn,
    peers = 0,
    seeders,
    sinceAnnounce,
    sinceAnswer,
  } = status ?? {}
  const before = (age: number | undefined) => (age === undefined ? 0 : Math.round((now - age) / 1000))
  const waiting = nextIn === undefined ? ANNOUNCE_INACTIVE : ANNOUNCE_WAITING
  return {
    announce_state: isAsking ? ANNOUNCE_ACTIVE : waiting,
    has_announced: sinceAnnounce !== undefined && !isAsking,
    last_announce_peer_count: peers,
    last_announce_result: error ? error.message : sinceAnswer === undefined ? '' : 'Success',
    last_announce_start_time: before(sinceAnnounce),
    last_announce_succeeded: sinceAnswer !== undefined && !error,
    last_announce_time: before(sinceAnswer ?? sinceAnnounce),
    last_announce_timed_out: false,
    leecher_count: leechers ?? UNKNOWN_COUNT,
    next_announce_time: nextIn === undefined ? 0 : Math.round((now + nextIn) / 1000),
    seeder_count: seeders ?? UNKNOWN_COUNT,
  }
}

/** The host and port of a URL. */
export function trackerHostOf(url: string): string {
  return /^\w+:\/\/(?:[^@/?#]*@)?([^/?#]*)/.exec(url)?.[1] ?? url
}

/** The name of a site without the parts that many sites share: `example` for `tracker.example.org`. */
function siteOf(url: string): string {
  const host = trackerHostOf(url).replace(/:\d+$/, '')
  const names = host.split('.')
  return /^[\d.]+$|:/.test(host) || names.length < 2 ? host : names.at(-2)!
}
