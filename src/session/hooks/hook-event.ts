import type { SessionTorrent } from '../session-torrent.ts'

/** The events that hooks are called for. */
export type HookEventName = 'added' | 'completed' | 'removed' | 'error'

/** An event as hooks receive it: a webhook as JSON, a command as variables of its environment. */
export interface HookEvent {
  readonly event: HookEventName
  /** Milliseconds since 1970. */
  readonly time: number
  readonly id: number
  /** In hex. */
  readonly infoHash: string
  readonly name: string
  /** The directory that holds the files. */
  readonly directory: string
  readonly labels: readonly string[]
  readonly category: string
  /** Bytes. */
  readonly size: number
  readonly downloaded: number
  readonly uploaded: number
  /** The message of an `error`. */
  readonly error?: string
}

/** Receives events. Deliveries are independent of each other, and nothing waits for them. */
export interface Hook {
  /** Delivers an event. Rejects with a StorageError or DiscoveryError when it is given up. */
  deliver(event: HookEvent, signal: AbortSignal): Promise<void>
}

/** Describes an event of a torrent. */
export function describeEvent(
  event: HookEventName,
  torrent: SessionTorrent,
  time: number,
  error?: string,
): HookEvent {
  const { id, infoHash, name, progress, record } = torrent
  const { category, directory, labels, size } = record
  const { downloaded, uploaded } = progress
  return {
    ...{ event, time, id, infoHash, name, directory, labels, category, size, downloaded, uploaded },
    ...(error === undefined ? {} : { error }),
  }
}
