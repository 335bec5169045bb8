import type { Bottleneck, Evidence, FastestPeer } from '../../index.ts'
import { averageRate, bytes, count, duration, rate } from '../amounts.ts'
import type { CompletedDownload, Diagnosis } from './diagnosis.ts'

/** Columns of the names of measurements. */
const NAME_COLUMNS = 15

/**
 * Describes a bottleneck: its sentence, and the measurements, one per line.
 * @param measured the seconds of each kind, and when the download was complete
 */
export function describeBottleneck(
  { evidence, kind, outcomes, sentence }: Bottleneck,
  { completed, kinds = {} }: Pick<Diagnosis, 'completed' | 'kinds'> = {},
): string {
  const complete = completed && describeCompletion(completed)
  if (kind === 'none' && complete) return `nothing is missing: the download was complete ${complete}`
  const rows: [name: string, text: string][] = evidence.seconds > 0 ? [...measuredRows(evidence)] : []
  if (complete) rows.unshift(['complete', complete])
  const limits = Object.entries(kinds).sort(([, a], [, b]) => b - a)
  if (limits.length > 1)
    rows.push(['limits', limits.map(([kind, seconds]) => `${kind} ${seconds} s`).join(', ')])
  for (const { address, outcome } of outcomes) rows.push(['peer', `${address}: ${outcome}`])
  const lines = rows.map(([name, text]) => `  ${name.padEnd(NAME_COLUMNS)}${text}`)
  return [kind === 'none' || lines.length === 0 ? sentence : `${sentence}\n`, ...lines].join('\n')
}

function describeCompletion({ bytes: size, seconds }: CompletedDownload): string {
  return `after ${duration(seconds)} (${bytes(size)}${averageRate(size, seconds)})`
}

function* measuredRows(evidence: Evidence): Generator<[name: string, text: string]> {
  const { availability, fastest, loopDelayMs, peers, seconds, shares, webSeeds, writeMs } = evidence
  yield ['measured', `the last ${seconds.toFixed(1)} s`]
  const { choking, connected, known, useful } = peers
  if (connected + webSeeds === 0) {
    yield ['peers', `${known} known, none connected`]
    return
  }
  yield ['rate', rate(evidence.rate)]
  yield ['peers', `${known} known, ${connected} connected, ${useful} useful, ${choking} choke us`]
  if (webSeeds > 0) yield ['web seeds', count(webSeeds, 'web seed')]
  if (connected > 0) yield ['availability', (Math.floor(availability * 100) / 100).toFixed(2)]
  const { blocks, choked, work } = shares
  if (blocks + choked + work > 0) {
    const waits = `for an unchoke ${formatShare(choked)}, for blocks ${formatShare(blocks)}`
    yield ['peers waited', `${waits}, for something to request ${formatShare(work)}`]
  }
  yield ['stages waited', stagesOf(evidence)]
  if (shares.loop !== null) {
    const latenessNote = loopDelayMs === null ? '' : `, late by ${milliseconds(loopDelayMs)}`
    yield ['event loop', `busy ${formatShare(shares.loop)}${latenessNote}`]
  }
  if (writeMs !== null) yield ['a write', milliseconds(writeMs)]
  if (fastest) yield ['fastest peer', describeFastest(fastest)]
}

function stagesOf({ shares }: Evidence): string {
  const { disk, downLimit, hash, hashThreads, memory, reader } = shares
  const stages: [string, number | null][] = [
    ['for --down', downLimit],
    ['for memory', memory],
    ['for hash threads', hashThreads],
    ['for the disk', disk],
    ['for readers', reader],
    ['hashing', hash],
  ]
  return stages
    .flatMap(([name, share]) => (share === null ? [] : [`${name} ${formatShare(share)}`]))
    .join(', ')
}

function describeFastest({ address, requests, roundTripMs, waitMs, ...peer }: FastestPeer): string {
  const waits = `round trip ${milliseconds(roundTripMs)}, wait ${milliseconds(waitMs)}`
  return `${address}: ${rate(peer.rate)}, ${count(requests, 'request')} of ${bytes(16_384)}, ${waits}`
}

function formatShare(share: number): string {
  return `${Math.round(share * 100)} %`
}

function milliseconds(ms: number): string {
  return `${ms < 10 ? Number(ms.toFixed(1)) : Math.round(ms)} ms`
}
