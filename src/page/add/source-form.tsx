import { useId, useRef, useState } from 'preact/hooks'
import { Icon } from '../parts/icon.tsx'

/** Asks for a link or files. */
export function SourceForm({
  failure,
  isBusy,
  onFiles,
  onText,
}: {
  failure: string | undefined
  isBusy: boolean
  onFiles: (files: File[]) => void
  onText: (text: string) => void
}) {
  const id = useId()
  const input = useRef<HTMLInputElement>(null)
  const [text, setText] = useState('')
  return (
    <form
      class="form"
      onSubmit={event => {
        event.preventDefault()
        onText(text)
      }}
    >
      <label for={id}>Magnet link, or the address of a .torrent file</label>
      <textarea
        id={id}
        rows={3}
        autofocus
        spellcheck={false}
        autocomplete="off"
        placeholder="magnet:?xt=urn:btih:…"
        value={text}
        aria-invalid={failure !== undefined}
        aria-describedby={`${id}-failure`}
        onInput={event => setText(event.currentTarget.value)}
        onKeyDown={event => {
          if (event.key !== 'Enter' || event.shiftKey) return
          event.preventDefault()
          onText(text)
        }}
      />
      <p id={`${id}-failure`} class="failure" role="alert">
        {failure}
      </p>
      <button type="button" class="file-button" onClick={() => input.current?.click()}>
        <Icon name="file" />
        <span>
          <strong>Choose .torrent files</strong> or drop them here
        </span>
      </button>
      <input
        ref={input}
        type="file"
        accept=".torrent,application/x-bittorrent"
        multiple
        hidden
        onChange={event => onFiles([...(event.currentTarget.files ?? [])])}
      />
      <footer class="dialog-footer">
        <button type="submit" class="button is-primary" disabled={isBusy || text.trim() === ''}>
          {isBusy ? 'Opening…' : 'Continue'}
        </button>
      </footer>
    </form>
  )
}
