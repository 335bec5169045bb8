import type { LoopLoad, LoopTimes } from '../../ports/loop-load.ts'
import type { TorrentParts } from './progress.ts'

/** The counters of the stages of a torrent. They only grow; times are in milliseconds. */
export interface Counters {
  /** The time of the clock. */
  readonly at: number
  readonly downloaded: number
  /** The waits of all requesters, added up. */
  readonly unchoke: number
  readonly blocks: number
  readonly work: number
  /** The time in which reads waited for the limit of the download rate. */
  readonly downLimit: number
  readonly writes: number
  /** The time of all writes, added up, and that in which no further write was possible. */
  readonly writeTime: number
  readonly writeWait: number
  /** The time in which a reader waited for bytes. */
  readonly readerWait: number
  /** The time in which pieces waited for memory. */
  readonly memoryWait: number
  readonly hash: number
  readonly threadWait: number
  /** Undefined if the event loop is not measured. */
  readonly loop: LoopTimes | undefined
}

const NO_WAITS = { unchoke: 0, blocks: 0, work: 0 }

/** Reads the counters of a torrent. @param before the last ones, if they were read a moment ago */
export function readCounters(
  { content, network }: TorrentParts,
  now: number,
  loop: LoopLoad | undefined,
  before: Counters | undefined,
): Counters {
  const { activeContext, downloaded } = network
  const { cursors, scheduler, verifier, writer } = content?.pieces.pipeline ?? {}
  const { blocks, unchoke, work } = activeContext?.waits ?? NO_WAITS
  // not every piece that waits for a moment reads the clock
  const waited = before && scheduler?.isFull ? now - before.at : 0
  return {
    at: now,
    ...{ downloaded, unchoke, blocks, work },
    downLimit: activeContext?.limits.down?.readWaitMs(now) ?? 0,
    writes: writer?.writes ?? 0,
    writeTime: writer?.writeMs ?? 0,
    writeWait: writer?.writeWait.read(now) ?? 0,
    readerWait: cursors?.readerWait.read(now) ?? 0,
    memoryWait: (before?.memoryWait ?? 0) + waited,
    hash: verifier?.hashMs ?? 0,
    threadWait: verifier?.threadWait.read(now) ?? 0,
    loop: loop?.read(),
  }
}
