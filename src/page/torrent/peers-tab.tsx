import type {
  ListedDeparted,
  ListedPeer,
  PeersDocument,
  TorrentDocument,
} from '../../server/page/torrent-documents.ts'
import { formatBytes, formatCount, formatDuration, formatPart, formatRate } from '../format.ts'
import { useTopic } from '../live/use-live.ts'
import { ProgressBar } from '../parts/progress-bar.tsx'
import { describePeer, describeSource } from './describe-peer.ts'
import { formatAgo } from './format-time.ts'
import { useNow } from './use-now.ts'

/** The connected peers, those that were tried, and those that have left. */
export function PeersTab({
  infoHash,
  outcomes = {},
}: {
  infoHash: string
  outcomes: TorrentDocument['outcomes']
}) {
  const document = useTopic<PeersDocument>(`peers:${infoHash}`)
  const now = useNow()
  if (!document || document === 'gone') return <div class="panels" aria-busy="true" />
  // the fastest first
  const peers = Object.entries(document.peers).sort(([, a], [, b]) => b.down + b.up - (a.down + a.up))
  const departed = Object.entries(document.departed).reverse()
  const tried = Object.entries(outcomes).filter(
    ([address]) => !peers.some(([, peer]) => peer.address === address),
  )
  return (
    <div class="panels">
      <section class="panel is-flush" aria-label="Connected peers">
        {peers.length === 0 ? (
          <p class="nothing is-small">No peer is connected.</p>
        ) : (
          <table class="cards">
            <thead>
              <tr>
                <th scope="col">Peer</th>
                <th scope="col">What it does</th>
                <th scope="col">Has</th>
                <th scope="col" class="is-number">
                  Download
                </th>
                <th scope="col" class="is-number">
                  Upload
                </th>
                <th scope="col" class="is-number">
                  Requests
                </th>
                <th scope="col" class="is-number">
                  Connected
                </th>
              </tr>
            </thead>
            <tbody>
              {peers.map(([id, peer]) => (
                <PeerLine key={id} peer={peer} now={now} />
              ))}
            </tbody>
          </table>
        )}
        {document.more > 0 && <p class="hint">{formatCount(document.more, 'more peer')} are connected.</p>}
      </section>
      {tried.length > 0 && (
        <section class="panel">
          <h2>Tried without success</h2>
          <ul class="plain-list">
            {tried.map(([address, outcome]) => (
              <li key={address}>
                <span class="address">{address}</span> <span class="muted">{outcome}</span>
              </li>
            ))}
          </ul>
        </section>
      )}
      {departed.length > 0 && (
        <section class="panel">
          <h2>Disconnected</h2>
          <ul class="plain-list">
            {departed.map(([id, peer]) => (
              <DepartedLine key={id} peer={peer} now={now} />
            ))}
          </ul>
        </section>
      )}
    </div>
  )
}

function PeerLine({ now, peer }: { now: number; peer: ListedPeer }) {
  const { address, client, down, downloaded, isEncrypted, outstanding, part, since, source, up, uploaded } =
    peer
  const isIncoming = source === 'incoming'
  return (
    <tr>
      <th scope="row">
        <span class="address">{address}</span>
        <span class="muted second-line">
          <bdi>{client}</bdi>
        </span>
      </th>
      <td data-name="What it does">
        {describePeer(peer)}
        <span class="muted second-line">
          TCP, {isEncrypted ? 'encrypted' : 'not encrypted'},{' '}
          {isIncoming ? 'it connected to us' : `we connected; ${describeSource(source)}`}
        </span>
      </td>
      <td data-name="Has" class="is-part">
        <ProgressBar label={`Pieces of ${address}`} part={part} tone={part >= 1 ? 'good' : 'active'} />
        {formatPart(part)}
      </td>
      <td data-name="Download" class="is-number">
        {formatRate(down) || '–'}
        <span class="muted second-line">{formatBytes(downloaded)}</span>
      </td>
      <td data-name="Upload" class="is-number">
        {formatRate(up) || '–'}
        <span class="muted second-line">{formatBytes(uploaded)}</span>
      </td>
      <td data-name="Requests in flight" class="is-number">
        {outstanding}
      </td>
      <td data-name="Connected for" class="is-number">
        {formatDuration((now - since) / 1000)}
      </td>
    </tr>
  )
}

function DepartedLine({ now, peer }: { now: number; peer: ListedDeparted }) {
  const { address, client, downloaded, ended, lasted, reason, uploaded } = peer
  return (
    <li>
      <span class="address">{address}</span>{' '}
      <span class="muted">
        <bdi>{client}</bdi>
      </span>
      <span class="second-line">
        {reason}{' '}
        <span class="muted">
          – {formatAgo(ended, now)}, after {formatDuration(lasted)}; {formatBytes(downloaded)} received,{' '}
          {formatBytes(uploaded)} sent
        </span>
      </span>
    </li>
  )
}
