import { useContext, useEffect, useRef, useState } from 'preact/hooks'
import type { ListedClient } from '../../server/page/documents.ts'
import { formatCount } from '../format.ts'
import { act } from '../live/act.ts'
import { Live } from '../live/use-live.ts'
import { Dialog } from '../parts/dialog.tsx'
import { useNotify } from '../parts/notices.tsx'
import { encodeFile, findLinks, type GivenTorrents } from './given-torrents.ts'
import { PreviewForm } from './preview-form.tsx'
import { SourceForm } from './source-form.tsx'

/** Adds torrents: asks for them, shows the files of one before it starts, and adds several at once. */
export function AddDialog({
  client,
  given,
  onClose,
}: {
  client: ListedClient | undefined
  given: GivenTorrents
  onClose: () => void
}) {
  const live = useContext(Live)
  const notify = useNotify()
  const [preview, setPreview] = useState<string>()
  const [failure, setFailure] = useState<string>()
  const [isBusy, setBusy] = useState(false)
  const isOpen = useRef(true)
  const forget = (id: string | undefined) => {
    if (id !== undefined) act(live, 'forget', { preview: id }).catch(() => {})
  }
  const close = () => {
    isOpen.current = false
    forget(preview)
    onClose()
  }

  const take = async ({ files, links }: GivenTorrents) => {
    setFailure(undefined)
    setBusy(true)
    try {
      const sources = [
        ...links.map(source => async () => ({ source })),
        ...files.map(file => async () => ({ metainfo: await encodeFile(file) })),
      ]
      const [first] = sources
      if (first && sources.length === 1) {
        const { id } = await act<{ id: string }>(live, 'preview', await first())
        if (isOpen.current) setPreview(id)
        else forget(id)
        return
      }
      let count = 0
      const failures: string[] = []
      for (const read of sources)
        await act(live, 'add', await read()).then(
          () => count++,
          error => failures.push(messageOf(error)),
        )
      if (count > 0) notify(`Added ${formatCount(count, 'torrent')}`)
      if (failures.length === 0) close()
      else setFailure(failures.join('. '))
    } catch (error) {
      setFailure(messageOf(error))
    } finally {
      setBusy(false)
    }
  }

  useEffect(() => {
    if (given.files.length + given.links.length > 0) void take(given)
  }, [given])

  return (
    <Dialog title="Add torrent" isWide onClose={close}>
      {preview === undefined ? (
        <SourceForm
          failure={failure}
          isBusy={isBusy}
          onFiles={files => void take({ files, links: [] })}
          onText={text => {
            const links = findLinks(text)
            if (links.length > 0) void take({ files: [], links })
            else setFailure('This is no magnet link, info-hash or address of a .torrent file.')
          }}
        />
      ) : (
        <PreviewForm
          id={preview}
          client={client}
          onAdded={name => {
            notify(`Added ${name}`)
            isOpen.current = false
            onClose()
          }}
          onBack={() => {
            forget(preview)
            setPreview(undefined)
          }}
        />
      )}
    </Dialog>
  )
}

function messageOf(error: unknown): string {
  return (error as Error).message
}
