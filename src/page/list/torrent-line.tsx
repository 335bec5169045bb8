import { formatBytes, formatDuration, formatPart, formatRate, formatRatio } from '../format.ts'
import { ProgressBar } from '../parts/progress-bar.tsx'
import { torrentUrlOf } from '../router.ts'
import { describeState } from './describe-state.ts'
import { partOf, type TorrentRow } from './torrent-row.ts'

/** Labels of a row that are shown. */
const MAX_LABELS = 3

/** One torrent in the list. */
export function TorrentLine({
  index,
  isActive,
  isSelected,
  onFocus,
  onToggle,
  row: { infoHash, torrent },
  top,
}: {
  index: number
  /** True for the row that the keyboard reaches. */
  isActive: boolean
  /** Undefined if torrents cannot be selected. */
  isSelected: boolean | undefined
  onFocus: () => void
  onToggle: (isRange: boolean) => void
  row: TorrentRow
  top: number
}) {
  const { down, eta, labels, name, peers, ratio, seeds, size, up } = torrent
  const { tone, words } = describeState(torrent)
  const part = partOf(torrent)
  return (
    <div
      class={isSelected ? 'row is-selected' : 'row'}
      role="row"
      aria-rowindex={index + 2}
      aria-selected={isSelected}
      tabIndex={isActive ? 0 : -1}
      data-hash={infoHash}
      style={{ transform: `translateY(${top}px)` }}
      onFocus={onFocus}
      onClick={event => {
        const target = event.target as Element
        if (isSelected !== undefined && (event.metaKey || event.ctrlKey || event.shiftKey)) {
          event.preventDefault()
          onToggle(event.shiftKey)
        } else if (!target.closest('a, input, label')) location.hash = torrentUrlOf(infoHash)
      }}
    >
      {isSelected !== undefined && (
        <div role="gridcell" class="cell is-check">
          <label>
            <input
              type="checkbox"
              tabIndex={-1}
              aria-label={`Select ${name}`}
              checked={isSelected}
              onClick={event => {
                event.stopPropagation()
                onToggle(event.shiftKey)
              }}
            />
          </label>
        </div>
      )}
      <div role="gridcell" class="cell is-name">
        <div class="row-title">
          <a href={torrentUrlOf(infoHash)} tabIndex={-1} title={name}>
            <bdi>{name}</bdi>
          </a>
          {labels.slice(0, MAX_LABELS).map(label => (
            <bdi key={label} class="label">
              {label}
            </bdi>
          ))}
          {labels.length > MAX_LABELS && <span class="label">+{labels.length - MAX_LABELS}</span>}
        </div>
        <div class="row-state">
          <ProgressBar part={part} tone={tone} label={`Progress of ${name}`} />
          <span class="percent">{part === undefined ? '' : formatPart(part)}</span>
          <span class={`words is-${tone}`} title={words}>
            {words}
          </span>
        </div>
      </div>
      <div role="gridcell" class="cell is-size">
        {size === undefined ? '–' : formatBytes(size)}
      </div>
      <div role="gridcell" class="cell is-down">
        {formatRate(down)}
      </div>
      <div role="gridcell" class="cell is-up">
        {formatRate(up)}
      </div>
      <div role="gridcell" class="cell is-eta">
        {eta === undefined ? '' : formatDuration(eta)}
      </div>
      <div role="gridcell" class="cell is-peers" title={`${seeds} of ${peers} peers have all of it`}>
        {peers === 0 ? '' : peers}
      </div>
      <div role="gridcell" class="cell is-ratio">
        {formatRatio(ratio)}
      </div>
    </div>
  )
}
