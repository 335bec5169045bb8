import type {
  ListedDht,
  ListedTracker,
  ListedWebSeed,
  TorrentDocument,
} from '../../server/page/torrent-documents.ts'
import { formatBytes, formatCount } from '../format.ts'
import { formatAgo, formatIn } from './format-time.ts'
import { useNow } from './use-now.ts'

/** The sources of peers, and the web seeds. */
export function SourcesTab({
  document: { dht, facts, torrent, trackers, webSeeds },
}: {
  document: TorrentDocument
}) {
  const now = useNow()
  const listed = Object.entries(trackers)
  const seeds = Object.entries(webSeeds)
  return (
    <div class="panels">
      <section class="panel">
        <h2>Trackers</h2>
        {listed.length === 0 && <p class="muted">This torrent has no tracker.</p>}
        <ul class="plain-list">
          {listed.map(([url, tracker]) => (
            <SourceLine
              key={url}
              name={url}
              tone={TRACKER_TONES[tracker.state]}
              lines={describeTracker(tracker, now)}
            />
          ))}
        </ul>
      </section>
      <section class="panel">
        <h2>DHT</h2>
        <p class={dht ? undefined : 'muted'}>
          {dht ? describeDht(dht, now) : describeNoDht(facts?.isPrivate, torrent.status)}
        </p>
      </section>
      <section class="panel">
        <h2>Web seeds</h2>
        {seeds.length === 0 && <p class="muted">This torrent has no web seed.</p>}
        <ul class="plain-list">
          {seeds.map(([name, seed]) => (
            <SourceLine
              key={name}
              name={name}
              tone={SEED_TONES[seed.state]}
              lines={describeWebSeed(seed, now)}
            />
          ))}
        </ul>
      </section>
    </div>
  )
}

function SourceLine({ lines, name, tone }: { lines: readonly string[]; name: string; tone: string }) {
  const [state, ...others] = lines
  return (
    <li>
      <span class="address">{name}</span>
      <span class={`second-line words is-${tone}`}>{state}</span>
      {others.length > 0 && <span class="second-line muted">{others.join('; ')}</span>}
    </li>
  )
}

const TRACKER_TONES = { working: 'good', failing: 'bad', untried: 'quiet', asking: 'active' } as const
const SEED_TONES = { active: 'good', asking: 'active', resting: 'warn', waiting: 'quiet' } as const

function describeTracker(
  { answered, error, leechers, next, peers, seeders, state }: ListedTracker,
  now: number,
): string[] {
  const lines = [
    {
      working: `Works${peers === undefined ? '' : `: named ${formatCount(peers, 'peer')}`}`,
      failing: `Failed: ${error ?? 'unknown'}`,
      untried: 'Not asked yet',
      asking: 'Is asked now',
    }[state],
  ]
  if (seeders !== undefined || leechers !== undefined)
    lines.push(
      `it knows ${formatCount(seeders ?? 0, 'seed')} and ${formatCount(leechers ?? 0, 'other peer')}`,
    )
  if (answered !== undefined) lines.push(`answered ${formatAgo(answered, now)}`)
  if (next !== undefined && state !== 'asking') lines.push(`asked again ${formatIn(next, now)}`)
  return lines
}

function describeDht({ answered, isAsking, next, nodes, peers }: ListedDht, now: number): string {
  if (answered === undefined) return isAsking ? 'Is asked for the first time.' : 'Not asked yet.'
  const found = `${formatCount(nodes, 'node')} answered ${formatAgo(answered, now)} and named ${formatCount(peers, 'peer')}`
  if (isAsking) return `${found}. It is asked now.`
  return next === undefined ? `${found}.` : `${found}. Asked again ${formatIn(next, now)}.`
}

function describeNoDht(isPrivate: boolean | undefined, status: string): string {
  if (isPrivate) return 'Not used: the torrent is private.'
  return ['stopped', 'finished', 'failed', 'queued'].includes(status)
    ? 'Not asked while the torrent does not run.'
    : 'Not used.'
}

function describeWebSeed(
  { downloaded, failure, next, outstanding, state }: ListedWebSeed,
  now: number,
): string[] {
  const lines = [
    {
      active: outstanding > 0 ? 'Sends' : 'Works',
      asking: 'Is asked',
      resting: `Failed: ${failure ?? 'unknown'}`,
      waiting: 'Not in use',
    }[state],
  ]
  if (downloaded > 0) lines.push(`${formatBytes(downloaded)} received`)
  if (outstanding > 0) lines.push(`${formatCount(outstanding, 'block')} requested`)
  if (next !== undefined) lines.push(`asked again ${formatIn(next, now)}`)
  return lines
}
