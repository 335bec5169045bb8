import { checkOptions } from '../codec/check-arguments.ts'
import { describeValue } from '../codec/quote.ts'
import { InputError } from '../errors.ts'
import { type Clock, systemClock } from '../ports/clock.ts'
import { Torrent } from './torrent.ts'

/** Options of `share`. */
export interface ShareOptions {
  /** Bytes to give for each byte that was wanted. @default no end */
  readonly ratio?: number
  /** Milliseconds to go on. @default no end */
  readonly time?: number
  readonly clock?: Clock
}

/** Milliseconds between two checks of the ratio. */
const CHECK_INTERVAL_MS = 500

/** Resolves when a torrent has shared enough, or for long enough, from now on, or is closed. */
export async function share(torrent: Torrent, options: ShareOptions = {}): Promise<void> {
  if (!(torrent instanceof Torrent)) {
    throw new InputError('ERR_USAGE', `torrent: expected a Torrent, got ${describeValue(torrent)}`)
  }
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
    const look = () => {
      const enough = ratio !== undefined && torrent.progress.ratio >= ratio
      const late = time !== undefined && clock.now() - start >= time
      if (enough || late) end()
      else timer = clock.setTimeout(look, CHECK_INTERVAL_MS)
    }
    torrent.on('close', end)
    look()
  })
}
