import type { PreviewedFile } from '../../server/page/documents.ts'
import { formatBytes, formatCount } from '../format.ts'

/** A list of files with checkboxes. */
export function FileChoice({
  files,
  more,
  off,
  onChange,
}: {
  files: readonly PreviewedFile[]
  /** Files that are not listed. They are wanted. */
  more: number
  off: ReadonlySet<number>
  onChange: (off: ReadonlySet<number>) => void
}) {
  const chosen = files.filter(({ index }) => !off.has(index))
  const total = chosen.reduce((sum, { length }) => sum + length, 0)
  const top = files.length > 1 || files[0]?.path.includes('/') ? `${files[0]!.path.split('/')[0]}/` : ''
  const toggle = (index: number) => {
    const next = new Set(off)
    if (!next.delete(index)) next.add(index)
    onChange(next)
  }
  return (
    <fieldset class="file-choice">
      <legend class="hidden-text">Files to download</legend>
      {files.length > 1 && (
        <label class="file-choice-all">
          <input
            type="checkbox"
            checked={chosen.length === files.length}
            ref={input => {
              if (input) input.indeterminate = chosen.length > 0 && chosen.length < files.length
            }}
            onChange={event =>
              onChange(event.currentTarget.checked ? new Set() : new Set(files.map(({ index }) => index)))
            }
          />
          <span>
            {chosen.length + more} of {formatCount(files.length + more, 'file')}
          </span>
          <span class="amount">{formatBytes(total)}</span>
        </label>
      )}
      <ul tabIndex={-1}>
        {files.map(({ index, length, path }) => (
          <li key={index}>
            <label>
              <input
                type="checkbox"
                checked={!off.has(index)}
                disabled={files.length === 1}
                onChange={() => toggle(index)}
              />
              <span class="file-path">
                <bdi>{path.startsWith(top) ? path.slice(top.length) : path}</bdi>
              </span>
              <span class="amount">{formatBytes(length)}</span>
            </label>
          </li>
        ))}
      </ul>
      {more > 0 && <p class="file-choice-more muted">and {formatCount(more, 'more file')}</p>}
    </fieldset>
  )
}
