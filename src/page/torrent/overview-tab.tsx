import type { ListedFacts, TorrentDocument } from '../../server/page/torrent-documents.ts'
import { formatBytes, formatCount, formatSentence } from '../format.ts'
import { Icon } from '../parts/icon.tsx'
import { PieceMapView } from './piece-map-view.tsx'
import { RatePlot } from './rate-plot.tsx'

/** What limits a torrent, its pieces, its rates, and fields of its .torrent. */
export function OverviewTab({ document }: { document: TorrentDocument }) {
  const { facts, pieces, rates, why } = document
  return (
    <div class="panels">
      {why && <Why document={document} why={why} />}
      {pieces && pieces.count > 0 ? (
        <PieceMapView pieces={pieces} />
      ) : (
        <section class="panel">
          <h2>Pieces</h2>
          <p class="muted">
            {facts
              ? 'The pieces are shown while the torrent runs.'
              : 'The list of files and pieces has not arrived yet. A peer sends it.'}
          </p>
        </section>
      )}
      <RatePlot rates={rates} />
      {facts && <Facts facts={facts} document={document} />}
    </div>
  )
}

function Why({ document: { outcomes = {} }, why }: { document: TorrentDocument; why: string }) {
  const entries = Object.entries(outcomes)
  return (
    <section class="panel why" aria-label="What limits the download">
      <p>
        <Icon name="gauge" />
        {formatSentence(why)}
      </p>
      {entries.length > 0 && (
        <details>
          <summary>{formatCount(entries.length, 'peer')}</summary>
          <ul>
            {entries.map(([address, outcome]) => (
              <li key={address}>
                <span class="address">{address}</span> {outcome}
              </li>
            ))}
          </ul>
        </details>
      )}
    </section>
  )
}

function Facts({ document: { torrent }, facts }: { document: TorrentDocument; facts: ListedFacts }) {
  const { comment, created, createdBy, directory, files, isPrivate, pieceLength, size, source } = facts
  return (
    <section class="panel">
      <h2>Details</h2>
      <dl class="facts">
        <Fact name="Size" value={`${formatBytes(size)} in ${formatCount(files, 'file')}`} />
        <Fact name="Piece" value={formatBytes(pieceLength)} />
        <Fact name="Sent" value={formatBytes(torrent.uploaded)} />
        {torrent.added !== undefined && <Fact name="Added" value={formatDate(torrent.added)} />}
        {directory !== undefined && <Fact name="Directory" value={directory} />}
        {torrent.labels.length > 0 && <Fact name="Labels" value={torrent.labels.join(', ')} />}
        {isPrivate && <Fact name="Private" value="its trackers alone may name peers" />}
        {source !== undefined && <Fact name="Source" value={source} />}
        {created !== undefined && <Fact name="Created" value={formatDate(created)} />}
        {createdBy !== undefined && <Fact name="Created by" value={createdBy} />}
        {comment !== undefined && <Fact name="Comment" value={comment} />}
      </dl>
    </section>
  )
}

function Fact({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        <bdi>{value}</bdi>
      </dd>
    </div>
  )
}

function formatDate(date: number): string {
  return new Date(date).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' })
}
