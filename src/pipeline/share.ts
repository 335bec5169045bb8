import { type Clock, systemClock } from '../ports/clock.ts'
import type { Torrent } from './torrent.ts'

export interface ShareOptions {
  /** Bytes to give for each byte that was wanted. @default no end */
  readonly ratio?: number
  /** Milliseconds to go on. @default no end */
  readonly time?: number
  readonly clock?: Clock
}

/** Milliseconds between looks at what was given. */
const LOOK = 500

/** Resolves when a torrent has shared enough, or for long enough, from now on, or is closed. */
export function share(torrent: Torrent, { ratio, time, clock = systemClock }: ShareOptions): Promise<void> {
  const start = clock.now()
  return new Promise(resolve => {
    let timer: object | undefined
    const end = () => {
      clock.clearTimeout(timer)
      torrent.off('close', end)
      resolve()
    }
    const look = () => {
      const enough = ratio !== undefined && torrent.progress.ratio >= ratio
      const late = time !== undefined && clock.now() - start >= time
      if (enough || late) end()
      else timer = clock.setTimeout(look, LOOK)
    }
    torrent.on('close', end)
    look()
  })
}
