import { formatByteRate, formatBytes } from '../../codec/byte-amounts.ts'
import { millisecondsOf, percentOf } from './amounts.ts'
import type { Bottleneck, BottleneckKind } from './bottleneck.ts'
import type { Situation } from './situation.ts'

/** The share of the time from which on a wait limits the download. */
const LIMITING_SHARE = 0.5
/** The same for a busy event loop, which never waits for long when it is the limit. */
const BUSY_SHARE = 0.9
/** Seconds without a byte after which peers count as silent. */
const SILENT_S = 1
/** A shorter round trip, in milliseconds, limits no download. */
const MIN_ROUND_TRIP_MS = 20
/** A block that took this many round trips waited in a queue of the peer, which more requests would only prolong. */
const QUEUED_RATIO = 1.5

/** A verdict; its evidence is that of the situation. */
type BottleneckVerdict = readonly [kind: BottleneckKind, short: string, sentence: string]

/** The rules, the first that applies decides: a stage that waits hides the stages before it. */
const BOTTLENECK_RULES: readonly ((situation: Situation) => BottleneckVerdict | undefined)[] = [
  judgeIdle,
  judgeMetadata,
  judgeReaders,
  judgeSources,
  judgeDownLimit,
  judgeCpu,
  judgeDisk,
  judgeMissing,
  judgeChoked,
  judgeMemory,
  judgeSilent,
  judgeRoundTrip,
]
/** The kinds for which the outcome of each peer matters. */
const STALLING_KINDS: ReadonlySet<BottleneckKind> = new Set([
  ...(['metadata', 'unreachable', 'missing', 'choked', 'silent'] as const),
])

/**
 * Decides what limits a download.
 *
 * Inputs: the waits of all stages over the last seconds; the peers, and how many of them choke us or have nothing for us; the
 * availability; the window and the round trip of the fastest peer; readers; limits.
 */
export function findBottleneck(situation: Situation): Bottleneck {
  let verdict: BottleneckVerdict | undefined
  for (const judge of BOTTLENECK_RULES) if ((verdict ??= judge(situation))) break
  const [kind, short, sentence] = verdict ?? judgePeers(situation)
  const outcomes = STALLING_KINDS.has(kind) ? situation.listOutcomes() : []
  return { kind, short, sentence, evidence: situation.evidence, outcomes }
}

function judgeIdle({ idle }: Situation): BottleneckVerdict | undefined {
  return idle === undefined ? undefined : ['none', '', idle]
}

function judgeMetadata(situation: Situation): BottleneckVerdict | undefined {
  return situation.lacksMetadata ? ['metadata', 'no metadata yet', situation.explain()] : undefined
}

function judgeReaders({ evidence: { rate, shares }, readers }: Situation): BottleneckVerdict | undefined {
  if (shares.reader === null || shares.reader < LIMITING_SHARE) return undefined
  if (readers === 0) return ['reader', 'nothing is read', 'the reader: nothing is read at the moment']
  const which = readers === 1 ? 'the reader takes' : `the ${readers} readers take`
  const rateText = rate === 0 ? 'nothing' : `no more than ${formatByteRate(rate)}`
  const waits = `waited for data ${percentOf(1 - shares.reader)} of the time`
  const sentence = `${which} ${rateText}: ${readers === 1 ? 'it' : 'they'} ${waits}`
  return ['reader', 'waiting for the reader', sentence]
}

function judgeSources(situation: Situation): BottleneckVerdict | undefined {
  const { peers, webSeeds } = situation.evidence
  if (peers.connected + webSeeds > 0) return undefined
  if (peers.known + situation.knownWebSeeds === 0) return ['no-peers', 'no peers', situation.explain()]
  return ['unreachable', 'no peer answers', situation.explain()]
}

function judgeDownLimit({ downLimit, evidence: { shares } }: Situation): BottleneckVerdict | undefined {
  if (shares.downLimit < LIMITING_SHARE || !Number.isFinite(downLimit)) return undefined
  const waits = `reads waited for it ${percentOf(shares.downLimit)} of the time`
  const sentence = `our limit of ${formatByteRate(downLimit)} (--down): ${waits}`
  return ['down-limit', 'limited by --down', sentence]
}

function judgeCpu({ evidence: { loopDelayMs, rate, shares } }: Situation): BottleneckVerdict | undefined {
  const isBusy = shares.loop !== null && shares.loop >= BUSY_SHARE
  if (rate === 0 || (!isBusy && shares.hashThreads < LIMITING_SHARE)) return undefined
  const short = 'limited by the CPU'
  if (!isBusy) {
    const busy = percentOf(shares.hashThreads)
    return ['cpu', short, `our CPU: all hash threads were busy ${busy} of the time`]
  }
  const loop = `the event loop was busy ${percentOf(shares.loop!)} of the time`
  const delay = loopDelayMs !== null && loopDelayMs >= 1 ? `, and late by ${millisecondsOf(loopDelayMs)}` : ''
  return ['cpu', short, `our CPU: ${loop}, ${percentOf(shares.hash)} with hashing${delay}`]
}

function judgeDisk({ evidence: { shares, writeMs }, pieceLength }: Situation): BottleneckVerdict | undefined {
  if (shares.disk < LIMITING_SHARE) return undefined
  const waits = `pieces waited for it ${percentOf(shares.disk)} of the time`
  const latency =
    writeMs === null
      ? 'no write has ended'
      : `a write of ${formatBytes(pieceLength)} takes ${millisecondsOf(writeMs)}`
  return ['disk', 'waiting for the disk', `the disk: ${latency}, and ${waits}`]
}

function judgeMissing({
  evidence: { availability, peers, webSeeds },
}: Situation): BottleneckVerdict | undefined {
  if (webSeeds > 0 || peers.useful > 0) return undefined
  const copies = (Math.floor(availability * 100) / 100).toFixed(2)
  const which = peers.connected === 1 ? 'the only peer lacks' : `all ${peers.connected} peers lack`
  return ['missing', `availability ${copies}`, `${which} what is missing (availability ${copies})`]
}

function judgeChoked(situation: Situation): BottleneckVerdict | undefined {
  const { peers, rate, seconds, shares, webSeeds } = situation.evidence
  const { choking, useful } = peers
  const share = seconds > 0 ? shares.choked : choking / useful
  if (webSeeds > 0 || choking === 0 || share < LIMITING_SHARE) return undefined
  const short = `choked by ${choking} of ${useful}`
  if (choking === useful) {
    if (useful === 1) return ['choked', short, 'the only peer that has what is missing chokes us']
    return ['choked', short, `all ${useful} peers that have what is missing choke us`]
  }
  const others = useful - choking === 1 ? 'the other one sends' : 'the others send'
  const which = `${choking} of ${useful} peers that have what is missing`
  const sentence = `${which} choke us; ${others} ${formatByteRate(rate)}`
  return ['choked', short, choking === 1 ? sentence.replace('choke us', 'chokes us') : sentence]
}

function judgeMemory({
  admittedPieces,
  evidence: { shares },
  pieceLength,
}: Situation): BottleneckVerdict | undefined {
  if (shares.work < LIMITING_SHARE || shares.memory < LIMITING_SHARE) return undefined
  const pieces = `${admittedPieces} pieces of ${formatBytes(pieceLength)} are in flight, and no more fit`
  return ['memory', 'limited by --memory', `the memory for data in flight (--memory): ${pieces}`]
}

function judgeSilent(situation: Situation): BottleneckVerdict | undefined {
  const { rate, seconds } = situation.evidence
  if (rate > 0 || seconds < SILENT_S) return undefined
  return ['silent', 'no data comes', situation.explain()]
}

function judgeRoundTrip({ evidence: { fastest } }: Situation): BottleneckVerdict | undefined {
  if (!fastest?.requestLimit) return undefined
  const { address, requestLimit, requests, roundTripMs, waitMs } = fastest
  if (roundTripMs < MIN_ROUND_TRIP_MS || waitMs > QUEUED_RATIO * roundTripMs) return undefined
  const trip = `the round trip of ${millisecondsOf(roundTripMs)} to ${address}`
  const limit =
    requestLimit === 'peer'
      ? `it accepts ${requests} requests at a time`
      : `our memory (--memory) allows ${requests} requests at a time`
  return ['round-trip', 'limited by the round trip', `${trip}: ${limit}`]
}

function judgePeers({ evidence }: Situation): BottleneckVerdict {
  const { fastest, peers, rate, shares, webSeeds } = evidence
  const sending = peers.useful - peers.choking
  const short = 'limited by the peers'
  if (rate === 0) return ['peers', short, 'the peers: the first block has not arrived yet']
  if (shares.work >= LIMITING_SHARE)
    return [
      'peers',
      short,
      `the peers: all that is missing is requested, and comes at ${formatByteRate(rate)}`,
    ]
  const seeds = webSeeds === 0 ? '' : webSeeds === 1 ? '1 web seed' : `${webSeeds} web seeds`
  if (sending <= 1 && !seeds) {
    const name = fastest ? `, ${fastest.address},` : ''
    return ['peers', short, `the only peer that sends${name} gives no more than ${formatByteRate(rate)}`]
  }
  const names = [
    ...(sending > 0 ? [sending === 1 ? '1 peer' : `${sending} peers`] : []),
    ...(seeds ? [seeds] : []),
  ]
  const send = sending + webSeeds === 1 ? 'sends' : 'send'
  return ['peers', short, `${names.join(' and ')} ${send} no more than ${formatByteRate(rate)} together`]
}
