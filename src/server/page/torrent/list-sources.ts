import type { Torrent } from '../../../pipeline/torrent.ts'
import type { ListedDht, ListedTracker, ListedWebSeed, TorrentDocument } from '../torrent-documents.ts'
import type { WallTimes } from './wall-times.ts'

type Sources = Pick<TorrentDocument, 'dht' | 'trackers' | 'webSeeds'>

/**
 * Describes the last result of each source of peers.
 * @param trackers URLs of all trackers, also while the torrent does not run
 * @param webSeeds URLs of web seeds, for a torrent that does not use them
 */
export function listSources(
  torrent: Torrent | undefined,
  { trackers, webSeeds }: { trackers: readonly string[]; webSeeds: readonly string[] },
  times: WallTimes,
): Sources {
  const dht = torrent?.details.dht
  return {
    trackers: listTrackers(torrent, trackers, times),
    ...(dht ? { dht: describeDht(dht, times) } : {}),
    webSeeds: listWebSeeds(torrent, webSeeds, times),
  }
}

function listTrackers(
  torrent: Torrent | undefined,
  urls: readonly string[],
  times: WallTimes,
): Sources['trackers'] {
  const listed: Record<string, ListedTracker> = {}
  for (const url of urls) listed[url] = { state: 'untried' }
  for (const status of torrent?.discovery.trackers ?? []) {
    const { error, isAsking, leechers, nextIn, peers, seeders, sinceAnswer, state, url } = status
    const answered = times.dateIn(`answer of ${url}`, sinceAnswer === undefined ? undefined : -sinceAnswer)
    const next = times.dateIn(`announce to ${url}`, nextIn)
    listed[url] = {
      state: isAsking ? 'asking' : state,
      ...(error ? { error: error.message } : {}),
      ...(answered === undefined ? {} : { answered }),
      ...(next === undefined ? {} : { next }),
      ...(peers === undefined ? {} : { peers }),
      ...(seeders === undefined ? {} : { seeders }),
      ...(leechers === undefined ? {} : { leechers }),
    }
  }
  return listed
}

function describeDht(status: NonNullable<Torrent['details']['dht']>, times: WallTimes): ListedDht {
  const { isAsking, nextIn, nodes, peers, sinceLookup } = status
  const answered = times.dateIn('answer of the DHT', sinceLookup === undefined ? undefined : -sinceLookup)
  const next = times.dateIn('lookup in the DHT', nextIn)
  return {
    ...{ isAsking, nodes, peers },
    ...(answered === undefined ? {} : { answered }),
    ...(next === undefined ? {} : { next }),
  }
}

function listWebSeeds(
  torrent: Torrent | undefined,
  urls: readonly string[],
  times: WallTimes,
): Sources['webSeeds'] {
  const used = torrent?.details.webSeeds ?? []
  const listed: Record<string, ListedWebSeed> = {}
  if (used.length === 0)
    for (const url of urls) listed[url] = { state: 'waiting', downloaded: 0, outstanding: 0 }
  for (const { downloaded, failure, name, nextIn, outstanding, state } of used) {
    const next = times.dateIn(`request to ${name}`, nextIn)
    listed[name] = {
      ...{ state, downloaded, outstanding },
      ...(failure === undefined ? {} : { failure: failure.replace(`web seed ${name}: `, '') }),
      ...(next === undefined ? {} : { next }),
    }
  }
  return listed
}
