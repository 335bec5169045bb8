import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import type { FilesDocument, TorrentDocument } from '../../server/page/torrent-documents.ts'
import { formatBytes, formatPart, formatRate } from '../format.ts'
import { fileUrlOf } from '../live/urls.ts'
import { useAllowed, useTopic } from '../live/use-live.ts'
import { Icon } from '../parts/icon.tsx'
import { useAct } from '../parts/use-act.ts'
import { torrentUrlOf } from '../router.ts'
import { canOpen } from '../torrent/can-open.ts'
import { CopyButton } from '../torrent/copy-button.tsx'
import { mediaTypeOf } from '../torrent/media-type.ts'
import { describeWait } from './describe-wait.ts'
import { applyKey, PLAYER_KEYS } from './player-keys.ts'
import { findSubtitles } from './subtitles.ts'
import { useMediaRetry } from './use-media-retry.ts'
import { useSubtitles } from './use-subtitles.ts'

/** `waiting`: bytes are missing. `failed`: the browser cannot play it, or the server ended the response. */
type PlayerState = 'waiting' | 'ready' | 'failed'

/** Plays a file of a torrent while it is downloaded. */
export function PlayerView({
  document: torrentDocument,
  infoHash,
  path,
}: {
  document: TorrentDocument
  infoHash: string
  path: string
}) {
  const { torrent } = torrentDocument
  const document = useTopic<FilesDocument>(`files:${infoHash}`)
  const files = document && document !== 'gone' ? Object.values(document.files) : undefined
  const file = files?.find(file => file.path === path)
  const name = path.split('/').at(-1)!
  return (
    <main class="view player-view">
      <header class="player-header">
        <a class="back" href={torrentUrlOf(infoHash, 'files')}>
          <Icon name="back" />
          <bdi>{torrent.name}</bdi>
        </a>
        <h1>
          <bdi>{name}</bdi>
        </h1>
      </header>
      {files && !file ? (
        <div class="nothing">
          <p>The torrent has no such file.</p>
        </div>
      ) : (
        <Player
          key={path}
          document={torrentDocument}
          infoHash={infoHash}
          path={path}
          paths={files?.filter(canOpen).map(({ path }) => path) ?? []}
          isMissing={file !== undefined && !canOpen(file)}
        />
      )}
      {file && (
        <footer class="player-footer">
          <span>
            {formatPart(file.length === 0 ? 1 : file.have / file.length)} of {formatBytes(file.length)} here
          </span>
          <span>{formatRate(torrent.down) || '0 B/s'}</span>
          <CopyButton name="URL" text={new URL(fileUrlOf(infoHash, path), location.href).href} />
          {canOpen(file) && (
            <a class="button" href={fileUrlOf(infoHash, path)} download={name}>
              <Icon name="down" />
              Download
            </a>
          )}
        </footer>
      )}
    </main>
  )
}

function Player({
  document,
  infoHash,
  isMissing,
  path,
  paths,
}: {
  document: TorrentDocument
  infoHash: string
  /** True if the file cannot be opened: it is not selected, and not stored as a whole. */
  isMissing: boolean
  path: string
  paths: readonly string[]
}) {
  const media = useRef<HTMLVideoElement & HTMLAudioElement>(null)
  const [state, setState] = useState<PlayerState>('waiting')
  const subtitleKey = paths.filter(path => /\.(srt|vtt)$/i.test(path)).join('\n')
  const subtitles = useMemo(() => findSubtitles(path, subtitleKey.split('\n')), [path, subtitleKey])
  const [chosen, choose] = useSubtitles(media, infoHash, subtitles)
  const isReadable = !isMissing && (document.torrent.isReadable ?? false)
  const url = fileUrlOf(infoHash, path)
  const Media = mediaTypeOf(path) === 'audio' ? 'audio' : 'video'
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || !media.current) return
      if (
        event.target instanceof Element &&
        event.target.closest('a, button, select, input, summary, video, audio')
      )
        return
      const order = ['', ...subtitles.map(({ path }) => path)]
      const next = () => choose(before => order[(order.indexOf(before) + 1) % order.length]!)
      if (applyKey(event.key.length === 1 ? event.key.toLowerCase() : event.key, media.current, next))
        event.preventDefault()
    }
    addEventListener('keydown', onKeyDown)
    return () => removeEventListener('keydown', onKeyDown)
  }, [choose, subtitles])
  const retry = useMediaRetry(media, url, () => setState('failed'))
  const ready = () => {
    retry.onReady()
    setState('ready')
  }
  return (
    <>
      <div class={`player is-${Media}`}>
        {isReadable && (
          <Media
            ref={media}
            src={url}
            controls
            autoplay
            playsInline
            aria-label={path.split('/').at(-1)}
            onCanPlay={ready}
            onPlaying={ready}
            onWaiting={() => setState('waiting')}
            onSeeking={() => setState('waiting')}
            onSeeked={ready}
            onError={() => {
              setState('waiting')
              retry.onError()
            }}
          />
        )}
        <PlayerNotice document={document} infoHash={infoHash} isMissing={isMissing} state={state} />
      </div>
      <div class="player-tools">
        {subtitles.length > 0 && (
          <label class="subtitle-choice">
            <span>Subtitles</span>
            <select value={chosen} onChange={event => choose(event.currentTarget.value)}>
              <option value="">Off</option>
              {subtitles.map(({ label, path }) => (
                <option key={path} value={path}>
                  {label}
                </option>
              ))}
            </select>
          </label>
        )}
        <details class="player-keys">
          <summary>Keys</summary>
          <dl>
            {PLAYER_KEYS.map(([key, meaning]) => (
              <div key={key}>
                <dt>{key}</dt>
                <dd>{meaning}</dd>
              </div>
            ))}
          </dl>
        </details>
      </div>
    </>
  )
}

function PlayerNotice({
  document,
  infoHash,
  isMissing,
  state,
}: {
  document: TorrentDocument
  infoHash: string
  isMissing: boolean
  state: PlayerState
}) {
  const { isReadable } = document.torrent
  const act = useAct()
  const isAllowed = useAllowed()
  if (isMissing)
    return (
      <div class="player-notice" role="status">
        <p>
          {isAllowed('priority')
            ? 'This file is not selected. Select it in the list of files to play it.'
            : 'Parts of this file are missing, and it is not downloaded.'}
        </p>
      </div>
    )
  const text =
    isReadable && state === 'failed'
      ? 'This browser cannot play this file. Download it, or open its URL in a player such as mpv or VLC.'
      : describeWait(document)
  return (
    <div class={state === 'ready' && isReadable ? 'player-notice is-hidden' : 'player-notice'} role="status">
      {(state !== 'ready' || !isReadable) && <p>{text}</p>}
      {!isReadable && isAllowed('start') && (
        <button
          type="button"
          class="button is-primary"
          onClick={() => void act('start', { torrents: [infoHash] })}
        >
          <Icon name="play" />
          Resume
        </button>
      )}
    </div>
  )
}
