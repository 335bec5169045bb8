import { useState } from 'preact/hooks'
import { splitLabels } from '../add/preview-form.tsx'
import { formatCount } from '../format.ts'
import { FormDialog } from '../parts/form-dialog.tsx'
import { useAct } from '../parts/use-act.ts'
import type { TorrentRow } from './torrent-row.ts'

/** Adds labels to torrents, and takes labels away. */
export function LabelsDialog({
  known,
  onClose,
  rows,
}: {
  /** The labels of all torrents. */
  known: readonly string[]
  onClose: () => void
  rows: readonly TorrentRow[]
}) {
  const countOf = (label: string) => rows.filter(({ torrent }) => torrent.labels.includes(label)).length
  const [changes, setChanges] = useState<ReadonlyMap<string, boolean>>(new Map())
  const [text, setText] = useState('')
  const act = useAct()
  const save = async () => {
    const changed = (isAdded: boolean) =>
      [...changes].filter(([, is]) => is === isAdded).map(([label]) => label)
    const body = {
      torrents: rows.map(({ infoHash }) => infoHash),
      add: [...changed(true), ...splitLabels(text)],
      remove: changed(false),
    }
    if (await act('label', body)) onClose()
  }
  return (
    <FormDialog title={`Labels of ${formatCount(rows.length, 'torrent')}`} onClose={onClose} onSubmit={save}>
      {known.length > 0 && (
        <ul class="check-list">
          {known.map(label => {
            const count = countOf(label)
            const change = changes.get(label)
            return (
              <li key={label}>
                <label class="check-line">
                  <input
                    type="checkbox"
                    checked={change ?? count === rows.length}
                    ref={input => {
                      if (input)
                        input.indeterminate = change === undefined && count > 0 && count < rows.length
                    }}
                    onChange={event => setChanges(new Map(changes).set(label, event.currentTarget.checked))}
                  />
                  <bdi>{label}</bdi>
                </label>
              </li>
            )
          })}
        </ul>
      )}
      <label>
        New labels
        <input value={text} placeholder="film, music" onInput={event => setText(event.currentTarget.value)} />
      </label>
    </FormDialog>
  )
}
