import { useContext, useEffect, useRef, useState } from 'preact/hooks'
import type { ListedClient, PreviewDocument } from '../../server/page/documents.ts'
import { formatBytes, formatCount } from '../format.ts'
import { act } from '../live/act.ts'
import { Live, useTopic } from '../live/use-live.ts'
import { torrentUrlOf } from '../router.ts'
import { FileChoice } from './file-choice.tsx'

/** Shows what a torrent contains, and asks what of it is wanted and where it goes. */
export function PreviewForm({
  client,
  id,
  onAdded,
  onBack,
}: {
  client: ListedClient | undefined
  id: string
  onAdded: (name: string) => void
  onBack: () => void
}) {
  const live = useContext(Live)
  const document = useTopic<PreviewDocument>(`preview:${id}`)
  const [off, setOff] = useState<ReadonlySet<number>>(new Set())
  const [directory, setDirectory] = useState(client?.directory ?? '')
  const [labels, setLabels] = useState('')
  const [failure, setFailure] = useState<string>()
  const [isBusy, setBusy] = useState(false)
  const title = useRef<HTMLParagraphElement>(null)
  const isOpen = document !== undefined
  useEffect(() => title.current?.focus(), [isOpen])
  if (document === undefined) return <p class="form muted">Opening…</p>
  if (document === 'gone') return <p class="form">This torrent was left too long. Add it again.</p>
  const { fileCount = 0, files = [], isKnown, name, reason, size, state } = document

  const add = async (start: boolean) => {
    setBusy(true)
    try {
      const added = await act<{ name: string }>(live, 'add', {
        ...{ preview: id, start, off: [...off] },
        ...(directory.trim() === '' || directory === client?.directory
          ? {}
          : { directory: directory.trim() }),
        labels: splitLabels(labels),
      })
      onAdded(added.name)
    } catch (error) {
      setFailure((error as Error).message)
      setBusy(false)
    }
  }

  return (
    <form
      class="form"
      onSubmit={event => {
        event.preventDefault()
        void add(true)
      }}
    >
      <div>
        <p class="preview-name" ref={title} tabIndex={-1}>
          <bdi>{name}</bdi>
        </p>
        <p class="muted" role="status">
          {state === 'ready'
            ? `${formatBytes(size ?? 0)} in ${formatCount(fileCount, 'file')}`
            : state === 'failed'
              ? 'The list of files cannot be read'
              : 'Getting the list of files from peers'}
        </p>
      </div>
      {isKnown ? (
        <p class="notice-box">
          This torrent is in the list already. <a href={torrentUrlOf(document.infoHash)}>Show it</a>
        </p>
      ) : state === 'ready' ? (
        <FileChoice files={files} more={fileCount - files.length} off={off} onChange={setOff} />
      ) : (
        <Waiting reason={reason} hasFailed={state === 'failed'} />
      )}
      {!isKnown && (
        <div class="field-pair">
          <label>
            Save in
            <input
              value={directory}
              spellcheck={false}
              onInput={event => setDirectory(event.currentTarget.value)}
            />
          </label>
          <label>
            Labels
            <input
              value={labels}
              placeholder="film, music"
              onInput={event => setLabels(event.currentTarget.value)}
            />
          </label>
        </div>
      )}
      <p class="failure" role="alert">
        {failure}
      </p>
      <footer class="dialog-footer">
        <button type="button" class="button is-quiet" onClick={onBack}>
          Back
        </button>
        {!isKnown && (
          <>
            <button type="button" class="button" disabled={isBusy} onClick={() => void add(false)}>
              Add paused
            </button>
            <button
              type="submit"
              class="button is-primary"
              disabled={isBusy || (fileCount > 0 && off.size === fileCount)}
            >
              {isBusy ? 'Adding…' : state === 'ready' ? 'Download' : 'Download without waiting'}
            </button>
          </>
        )}
      </footer>
    </form>
  )
}

function Waiting({ hasFailed, reason }: { hasFailed: boolean; reason: string | undefined }) {
  return (
    <div class={hasFailed ? 'preview-wait has-failed' : 'preview-wait'}>
      {!hasFailed && <div class="indeterminate" aria-hidden="true" />}
      {!hasFailed && <p>A magnet link only names a torrent. What is in it comes from peers that have it.</p>}
      <p class="muted" role="status">
        {reason === undefined ? 'Looking for peers.' : `${reason.charAt(0).toUpperCase()}${reason.slice(1)}.`}
      </p>
    </div>
  )
}

/** Returns the labels in a text with commas. */
export function splitLabels(text: string): string[] {
  return [...new Set(text.split(',').map(label => label.trim()))].filter(label => label !== '')
}
