import { checkArgument, checkOptions } from '../codec/check-arguments.ts'
import { type Clock, systemClock } from '../ports/clock.ts'
import type { Torrent } from './torrent.ts'

/** Options of `share`. */
export interface ShareOptions {
  /** Bytes to upload for each wanted byte. @default no limit */
  readonly ratio?: number
  /** Milliseconds to share. @default no limit */
  readonly time?: number
  readonly clock?: Clock
}

/** Milliseconds between two checks of the ratio. */
const CHECK_INTERVAL_MS = 500

/** Resolves when a torrent has reached the ratio, has shared for the time, or is closed. */
export async function share(torrent: Torrent, options: ShareOptions = {}): Promise<void> {
  checkArgument('torrent', torrent, 'object')
  checkArgument('torrent.progress', torrent.progress, 'object')
  checkOptions(options, { clock: 'object', ratio: 'number', time: 'number' })
  const { ratio, time, clock = systemClock } = options
  const start = clock.now()
  return new Promise(resolve => {
    let timer: object | undefined
    const end = () => {
      clock.clearTimeout(timer)
      torrent.off('close', end)
      resolve()
    }
    const check = () => {
      const isRatioReached = ratio !== undefined && torrent.progress.ratio >= ratio
      const isTimeOver = time !== undefined && clock.now() - start >= time
      if (isRatioReached || isTimeOver) end()
      else timer = clock.setTimeout(check, CHECK_INTERVAL_MS)
    }
    torrent.on('close', end)
    check()
  })
}
