import { useMemo } from 'preact/hooks'
import type { ListedTorrent } from '../../server/page/documents.ts'
import type { FilesDocument } from '../../server/page/torrent-documents.ts'
import { useAllowed, useTopic } from '../live/use-live.ts'
import { useAct } from '../parts/use-act.ts'
import { FileContext } from './file-context.ts'
import { DirectoryContent } from './file-line.tsx'
import { fileTreeOf } from './file-tree.ts'

/** The files of a torrent as a tree. */
export function FilesTab({ infoHash, torrent }: { infoHash: string; torrent: ListedTorrent }) {
  const document = useTopic<FilesDocument>(`files:${infoHash}`)
  const known = document && document !== 'gone' && document.isKnown ? document : undefined
  const root = useMemo(() => known && fileTreeOf(known.files), [known])
  const canSelect = useAllowed()('priority')
  const act = useAct()
  if (!document) return <div class="panels" aria-busy="true" />
  if (!root || !known)
    return (
      <div class="nothing">
        <p>The list of files has not arrived yet.</p>
        <p class="muted">A magnet link does not contain it: a peer sends it.</p>
      </div>
    )
  const shown = Object.keys(known.files).length
  const setPriority = canSelect
    ? (files: readonly number[], priority: string) => void act('priority', { infoHash, files, priority })
    : undefined
  return (
    <FileContext.Provider value={{ infoHash, isReadable: torrent.isReadable ?? false, setPriority }}>
      <div class="panels">
        {!torrent.isReadable && (
          <p class="hint">Files can be opened and downloaded while the torrent runs.</p>
        )}
        <section class="panel is-flush" aria-label="Files">
          <DirectoryContent directory={root} level={0} />
        </section>
        {shown < known.total && (
          <p class="hint">
            The first {shown.toLocaleString('en')} of {known.total.toLocaleString('en')} files are shown.
          </p>
        )}
      </div>
    </FileContext.Provider>
  )
}
