import type { ListedTorrent } from '../../server/page/documents.ts'
import { formatCount, formatPart } from '../format.ts'
import { isComplete, partOf } from './torrent-row.ts'

/** The colour of a state. */
export type StateTone = 'active' | 'good' | 'quiet' | 'warn' | 'bad'

/** A state in words, and its colour. */
export interface DescribedState {
  readonly words: string
  readonly tone: StateTone
}

/**
 * Describes what a torrent does, for a reader without knowledge of BitTorrent.
 * @param isExplained true if the reason of a wait is shown elsewhere @default false
 */
export function describeState(torrent: ListedTorrent, isExplained = false): DescribedState {
  const { down, peers, reason, status, up } = torrent
  const wait = isExplained ? undefined : reason
  switch (status) {
    case 'failed':
      return { words: `Stopped by an error: ${reason ?? 'unknown'}`, tone: 'bad' }
    case 'metadata':
      return { words: `Getting its list of files: ${wait ?? formatCount(peers, 'peer')}`, tone: 'warn' }
    case 'downloading':
      if (down < 1 && reason) return { words: wait ? `Waiting: ${wait}` : 'Waiting for data', tone: 'warn' }
      return { words: `Downloading from ${formatCount(peers, 'peer')}`, tone: 'active' }
    case 'seeding':
      if (!isComplete(torrent))
        return { words: up < 1 ? 'Incomplete, ready to share' : 'Incomplete, sharing', tone: 'warn' }
      return { words: up < 1 ? 'Complete, ready to share' : 'Complete, sharing', tone: 'good' }
    case 'idle':
      return { words: 'Ready: loads what is opened', tone: 'quiet' }
    case 'finished':
      return { words: 'Complete', tone: 'good' }
    case 'stopped':
      return { words: 'Paused', tone: 'quiet' }
    case 'queued':
      return {
        words: isComplete(torrent) ? 'Waits for its turn to share' : 'Waits for its turn',
        tone: 'quiet',
      }
    case 'waiting':
      return { words: 'Waits to be checked', tone: 'quiet' }
    case 'checking':
      return { words: `Checking files, ${formatPart(partOf(torrent) ?? 0)}`, tone: 'active' }
    case 'moving':
      return { words: 'Moving its files', tone: 'active' }
  }
}
