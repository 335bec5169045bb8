import { useContext, useState } from 'preact/hooks'
import { formatBytes, formatCount, formatPart } from '../format.ts'
import { fileUrlOf, serverUrlOf } from '../live/urls.ts'
import { Icon } from '../parts/icon.tsx'
import { ProgressBar } from '../parts/progress-bar.tsx'
import { torrentUrlOf } from '../router.ts'
import { canOpen } from './can-open.ts'
import { CopyButton } from './copy-button.tsx'
import { FileContext } from './file-context.ts'
import type { DirectoryNode, FileNode } from './file-tree.ts'
import { mediaTypeOf } from './media-type.ts'

/** Files of a directory that are shown before the user asks for more. */
const SHOWN_FILES = 200
/** Directories with more entries than this are closed at first. */
const MAX_OPEN_ENTRIES = 30

/** The content of a directory. */
export function DirectoryContent({ directory, level }: { directory: DirectoryNode; level: number }) {
  const [shown, setShown] = useState(SHOWN_FILES)
  const { directories, files } = directory
  return (
    <ul class="file-list">
      {directories.map(child => (
        <DirectoryLine
          key={child.path}
          directory={child}
          level={level}
          isOnly={directories.length + files.length === 1}
        />
      ))}
      {files.slice(0, shown).map(file => (
        <FileLine key={file.index} file={file} level={level} />
      ))}
      {files.length > shown && (
        <li class="file-more">
          <button type="button" class="button is-quiet" onClick={() => setShown(shown + 1000)}>
            Show more: {(files.length - shown).toLocaleString('en')} files are left
          </button>
        </li>
      )}
    </ul>
  )
}

function DirectoryLine({
  directory,
  isOnly,
  level,
}: {
  directory: DirectoryNode
  isOnly: boolean
  level: number
}) {
  const { directories, files, have, indices, isStored, length, name, path, wanted } = directory
  const { infoHash, isReadable, setPriority } = useContext(FileContext)
  const [isOpen, setOpen] = useState(isOnly || directories.length + files.length <= MAX_OPEN_ENTRIES)
  return (
    <li>
      <div class="file-line is-directory" style={{ '--level': level }}>
        {setPriority && (
          <input
            type="checkbox"
            aria-label={`Download ${name}`}
            checked={wanted.length > 0}
            ref={box => {
              if (box) box.indeterminate = wanted.length > 0 && wanted.length < indices.length
            }}
            onChange={() => setPriority(indices, wanted.length === indices.length ? 'off' : 'normal')}
          />
        )}
        <button type="button" class="file-name" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
          <Icon name="chevron" />
          <bdi>{name}</bdi>
          <span class="muted file-count">{formatCount(indices.length, 'file')}</span>
        </button>
        <FileProgress have={have} length={length} name={name} isWanted={wanted.length > 0} />
        <span class="file-actions">
          {isReadable && (wanted.length > 0 || isStored) && (
            <a
              class="icon-button"
              href={`${serverUrlOf(`${infoHash}/${path.split('/').map(encodeURIComponent).join('/')}/`, [['tar', '']])}`}
              title="Download as a tar archive"
              aria-label={`Download ${name} as a tar archive`}
              download
            >
              <Icon name="down" />
            </a>
          )}
        </span>
      </div>
      {isOpen && <DirectoryContent directory={directory} level={level + 1} />}
    </li>
  )
}

function FileLine({ file, level }: { file: FileNode; level: number }) {
  const { have, index, length, name, path, priority } = file
  const { infoHash, isReadable, setPriority } = useContext(FileContext)
  const isWanted = priority !== 'off'
  const isOpenable = canOpen(file)
  const hasLinks = isReadable && isOpenable
  const url = fileUrlOf(infoHash, path)
  const isMedia = mediaTypeOf(path) !== undefined
  return (
    <li>
      <div class={`file-line${isOpenable ? '' : ' is-off'}`} style={{ '--level': level }}>
        {setPriority && (
          <input
            type="checkbox"
            aria-label={`Download ${name}`}
            checked={isWanted}
            onChange={() => setPriority([index], isWanted ? 'off' : 'normal')}
          />
        )}
        <span class="file-name">
          <Icon name={isMedia ? 'play' : 'file'} />
          {hasLinks ? (
            <a
              href={isMedia ? torrentUrlOf(infoHash, 'play', ...path.split('/')) : url}
              {...(isMedia ? {} : { target: '_blank', rel: 'noreferrer' })}
            >
              <bdi>{name}</bdi>
            </a>
          ) : (
            <bdi>{name}</bdi>
          )}
        </span>
        <FileProgress have={have} length={length} name={name} isWanted={isWanted} />
        <span class="file-actions">
          {setPriority && isWanted && (
            <select
              class="priority"
              aria-label={`Priority of ${name}`}
              value={priority}
              onChange={event => setPriority([index], event.currentTarget.value)}
            >
              <option value="high">High</option>
              <option value="normal">Normal</option>
              <option value="low">Low</option>
            </select>
          )}
          <CopyButton
            isSmall
            label={`Copy the URL of ${name}`}
            name="URL"
            text={new URL(url, location.href).href}
          />
          {hasLinks && (
            <a
              class="icon-button"
              href={url}
              title="Download"
              aria-label={`Download ${name}`}
              download={name}
            >
              <Icon name="down" />
            </a>
          )}
        </span>
      </div>
    </li>
  )
}

function FileProgress({
  have,
  isWanted,
  length,
  name,
}: {
  have: number
  isWanted: boolean
  length: number
  name: string
}) {
  const part = length === 0 ? 1 : have / length
  return (
    <span class="file-done">
      <ProgressBar
        label={`Progress of ${name}`}
        part={part}
        tone={part >= 1 ? 'good' : isWanted ? 'active' : 'quiet'}
      />
      <span class="percent">{isWanted || have > 0 ? formatPart(part) : 'skipped'}</span>
      <span class="size">{formatBytes(length)}</span>
    </span>
  )
}
