import type { Session } from '../../session/session.ts'
import type { SessionTorrentStatus } from '../../session/torrent/session-torrent-status.ts'

const TORRENT_STATUSES: readonly SessionTorrentStatus[] = [
  ...(['stopped', 'queued', 'waiting', 'checking', 'metadata', 'downloading', 'seeding'] as const),
]

interface Metric {
  readonly name: string
  readonly type: 'counter' | 'gauge'
  readonly help: string
  /** The values, each with its labels. */
  readonly values: readonly (readonly [labels: string, value: number])[]
}

/** Returns the numbers of a session in the text format of Prometheus. There is no metric for each torrent. */
export function formatMetrics(session: Session): string {
  return listMetrics(session)
    .map(({ help, name, type, values }) => {
      const lines = values.map(([labels, value]) => `${name}${labels} ${value}`)
      return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines, ''].join('\n')
    })
    .join('')
}

function listMetrics(session: Session): Metric[] {
  const { runningTime, torrents, totals } = session
  const counts = new Map(TORRENT_STATUSES.map(status => [status, 0]))
  const sums = { downSpeed: 0, upSpeed: 0, peers: 0 }
  let failed = 0
  for (const torrent of torrents) {
    counts.set(torrent.status, counts.get(torrent.status)! + 1)
    if (torrent.error) failed++
    if (!torrent.isRunning) continue
    const { downSpeed, peers, upSpeed } = torrent.progress
    sums.downSpeed += downSpeed
    sums.upSpeed += upSpeed
    sums.peers += peers
  }
  const memory = process.memoryUsage()
  const cpu = process.cpuUsage()
  const single = (name: string, type: Metric['type'], help: string, value: number): Metric => ({
    ...{ name: `tsdl_${name}`, type, help },
    values: [['', value]],
  })
  return [
    {
      ...{ name: 'tsdl_torrents', type: 'gauge', help: 'Torrents by status.' },
      values: [...counts].map(([status, count]) => [`{status="${status}"}`, count]),
    },
    single('torrents_failed', 'gauge', 'Torrents that an error stopped.', failed),
    single('peers', 'gauge', 'Connected peers.', sums.peers),
    single('download_bytes_per_second', 'gauge', 'Present download rate.', Math.round(sums.downSpeed)),
    single('upload_bytes_per_second', 'gauge', 'Present upload rate.', Math.round(sums.upSpeed)),
    single('downloaded_bytes_total', 'counter', 'Bytes of blocks that were downloaded.', totals.downloaded),
    single('uploaded_bytes_total', 'counter', 'Bytes of blocks that were uploaded.', totals.uploaded),
    single('torrents_added_total', 'counter', 'Torrents that were added.', totals.added),
    single('uptime_seconds', 'gauge', 'Seconds since the start.', Math.round(runningTime / 1000)),
    single('resident_memory_bytes', 'gauge', 'Resident memory.', memory.rss),
    single('cpu_seconds_total', 'counter', 'User and system CPU time.', (cpu.user + cpu.system) / 1e6),
  ]
}
