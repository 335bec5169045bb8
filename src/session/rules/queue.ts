import { checkArgument } from '../../codec/check-arguments.ts'

/** A torrent, as the queue sees it. */
export interface Queued {
  readonly order: number
  readonly id: number
  /** `stopped` never runs, `forced` always does and takes no place. */
  readonly intent: 'stopped' | 'started' | 'forced'
  /** True if it downloads when it runs, false if it shares. */
  readonly isDownload: boolean
  /** True while it runs. */
  readonly isRunning: boolean
  /** True if it runs and moved no bytes for long: it takes no place. */
  readonly isStalled: boolean
}

/** The number of places; Infinity for no limit. */
export interface QueuePlaces {
  readonly downloads: number
  readonly seeds: number
}

/** Compares the places of two torrents in the queue. */
export function compareOrder(a: Pick<Queued, 'order' | 'id'>, b: Pick<Queued, 'order' | 'id'>): number {
  return a.order - b.order || a.id - b.id
}

/**
 * Decides which torrents run.
 *
 * Inputs: what the user wants of each torrent, its place in the queue, and if it runs and is stalled; the places.
 *
 * Downloads and seeds have queues of their own. A torrent that runs keeps its place before one that waits, so that a
 * change of the order starts and stops nothing. Within each of the two the order decides. If fewer places are left than
 * torrents run, those at the end wait again.
 */
export function chooseRunning<T extends Queued>(torrents: Iterable<T>, places: QueuePlaces): Set<T> {
  checkArgument('torrents', (torrents as Iterable<T> | undefined)?.[Symbol.iterator], 'function')
  checkArgument('places', places, 'object')
  const running = new Set<T>()
  const claims: T[] = []
  for (const torrent of torrents) {
    if (
      torrent.intent === 'forced' ||
      (torrent.isRunning && torrent.isStalled && torrent.intent === 'started')
    )
      running.add(torrent)
    else if (torrent.intent === 'started') claims.push(torrent)
  }
  claims.sort((a, b) => Number(b.isRunning) - Number(a.isRunning) || compareOrder(a, b))
  let { downloads, seeds } = places
  for (const torrent of claims) {
    if ((torrent.isDownload ? downloads-- : seeds--) > 0) running.add(torrent)
  }
  return running
}
