import type { ListedRates } from '../../server/page/torrent-documents.ts'

/** Samples that are shown: ten minutes. */
const SHOWN_SAMPLES = 300

/** Seconds before now, and bytes per second, for each sample of the last ten minutes. */
export interface RateSeries {
  readonly times: readonly number[]
  readonly down: readonly number[]
  readonly up: readonly number[]
}

/** Turns samples into series. The present sample is left out, as it is not over. */
export function rateSeriesOf({ now, sampleMs, samples }: ListedRates): RateSeries {
  const times: number[] = []
  const down: number[] = []
  const up: number[] = []
  const perSecond = 1000 / sampleMs
  for (let slot = now - SHOWN_SAMPLES + 1; slot < now; slot++) {
    const [received = 0, sent = 0] = samples[slot] ?? []
    times.push(((slot - now) * sampleMs) / 1000)
    down.push(received * perSecond)
    up.push(sent * perSecond)
  }
  return { times, down, up }
}
