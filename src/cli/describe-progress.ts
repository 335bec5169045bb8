import type { Progress } from '../index.ts'
import { bytes, count, percent, rate, roundedTime, timeLeft } from './amounts.ts'
import type { Status, StatusField } from './live/status.ts'

/** Maximum columns of a percentage and of a rate: `100.0%`, `12.3 MiB/s`. */
const PERCENT_COLUMNS = 6
const RATE_COLUMNS = 10

/** Describes the progress of a torrent. */
export function describeProgress(progress: Progress): Status {
  const { bottleneck, verified, total, peers, webSeeds } = progress
  const isComplete = verified === total
  const fields: StatusField[] = [
    ...(isComplete ? sharingFields(progress) : downloadFields(progress)),
    { text: count(peers, 'peer'), width: 8, rank: 6 },
    ...(webSeeds > 0 ? [{ text: count(webSeeds, 'web seed'), rank: 8 }] : []),
    ...etaFields(progress),
  ]
  if (isComplete) return { text: joinFields(fields), fields }
  const { short: brief, sentence: detail } = bottleneck
  const text = joinFields(brief === '' ? fields : [...fields, { text: brief }])
  return { text, fields, share: verified / total, ...(brief === '' ? {} : { brief, detail }) }
}

function joinFields(fields: readonly Pick<StatusField, 'text'>[]): string {
  return fields.map(({ text }) => text).join('  ')
}

function downloadFields({ verified, total, downSpeed, upSpeed }: Progress): StatusField[] {
  return [
    { text: percent(verified, total), width: PERCENT_COLUMNS, rank: 1 },
    { text: `${bytes(verified)} of ${bytes(total)}`, rank: 7 },
    { text: rate(downSpeed), width: RATE_COLUMNS, rank: 2 },
    ...(upSpeed >= 1 ? [{ text: `up ${rate(upSpeed)}`, width: RATE_COLUMNS + 3, rank: 3 }] : []),
  ]
}

function sharingFields({ uploaded, ratio, upSpeed }: Progress): StatusField[] {
  return [
    { text: 'sharing', rank: 1 },
    { text: `${bytes(uploaded)} uploaded`, rank: 4 },
    { text: `ratio ${ratio.toFixed(2)}`, rank: 3 },
    ...(upSpeed >= 1 ? [{ text: rate(upSpeed), width: RATE_COLUMNS, rank: 2 }] : []),
  ]
}

function etaFields({ eta }: Progress): StatusField[] {
  return eta === null ? [] : [{ text: timeLeft(eta), short: roundedTime(eta), rank: 4 }]
}
