import { randomBytes } from 'node:crypto'
import { formatAddress } from '../../codec/compact.ts'
import { messageOf } from '../../errors.ts'
import type { Magnet } from '../../metainfo/magnet.ts'
import type { Metainfo } from '../../metainfo/metainfo.ts'
import type { AddOptions, Client } from '../../pipeline/client.ts'
import { whenReady } from '../../pipeline/fetch-metadata.ts'
import { isMetainfo, loadSource, type TorrentSource } from '../../pipeline/sources/torrent-source.ts'
import type { Torrent } from '../../pipeline/torrent.ts'
import type { Clock, Timer } from '../../ports/clock.ts'
import { pick } from '../../ports/pick.ts'
import type { Session } from '../../session/session.ts'
import { infoHashOf } from '../../session/torrent/new-torrent.ts'
import type { PreviewDocument, PreviewedFile } from './documents.ts'

/** Maximum number of previews at the same time. Beyond it the oldest ends. */
export const MAX_PREVIEWS = 8
/** Milliseconds after which a preview is forgotten. */
export const PREVIEW_LIFETIME_MS = 900_000
/** Maximum number of files that a preview lists. */
const MAX_PREVIEW_FILES = 5000

/** Options of `Previews`. */
export interface PreviewsContext {
  readonly session: Session
  /** The client of the session, which fetches metadata. */
  readonly client: Client
  /** Options of torrents in the client. */
  readonly torrentOptions: Pick<AddOptions, 'allowLocal' | 'maxPeersPerAddress' | 'portableNames'>
  readonly clock: Clock
}

interface Preview {
  readonly source: Metainfo | Magnet
  readonly abort: AbortController
  readonly timer: Timer
  /** Dialogues that show it: a link that is opened on two pages is fetched once. */
  viewers: number
  /** The torrent in the client, while its metadata is fetched. */
  torrent: Torrent | undefined
  /** Links to it that came before the client had it. */
  readonly otherLinks: Magnet[]
  /** Resolves when the client has given the torrent back. */
  ended: Promise<void>
  metainfo: Metainfo | undefined
  document: PreviewDocument
}

/** Torrents that the user looks at before they are added: their files, and for a magnet link how its metadata comes. */
export class Previews {
  readonly #context: PreviewsContext
  readonly #previews = new Map<string, Preview>()
  /** By info-hash: the last use of the client, which has a torrent once. Cleared when it ends. */
  readonly #fetches = new Map<string, Promise<void>>()

  constructor(context: PreviewsContext) {
    this.#context = context
  }

  /** Opens a preview, and returns its id. Rejects with an InputError if the source is no torrent. */
  async open(given: TorrentSource): Promise<string> {
    const { client, clock, session, torrentOptions } = this.#context
    const source = await loadSource(given, { ...torrentOptions, ...pick(client, 'family') })
    const infoHash = infoHashOf(source)
    const fetching = this.#shareFetch(infoHash, source)
    if (fetching !== undefined) return fetching
    const [oldest] = this.#previews.keys()
    if (this.#previews.size >= MAX_PREVIEWS) this.drop(oldest!)
    const id = randomBytes(12).toString('base64url')
    const metainfo = isMetainfo(source) ? source : undefined
    const isKnown = session.get(infoHash) !== undefined
    const name = source.name ?? infoHash
    const preview: Preview = {
      ...{ source, metainfo, abort: new AbortController(), ended: Promise.resolve() },
      ...{ viewers: 1, torrent: undefined, otherLinks: [] },
      timer: clock.setTimeout(() => this.drop(id), PREVIEW_LIFETIME_MS),
      document: {
        ...{ state: 'fetching', infoHash, name },
        ...(isKnown ? { isKnown } : {}),
        ...(metainfo ? describeContent(metainfo) : {}),
      },
    }
    this.#previews.set(id, preview)
    if (!metainfo && !isKnown) this.#beginFetch(infoHash, preview)
    return id
  }

  /** Describes a preview as it is now. */
  describe(id: string): PreviewDocument | undefined {
    return this.#previews.get(id)?.document
  }

  /**
   * Returns the torrent of a preview, with the peers that its link names, when the client has given it back; undefined if it
   * is gone.
   */
  async take(
    id: string,
  ): Promise<{ readonly source: Metainfo | Magnet; readonly peers: readonly string[] } | undefined> {
    const preview = this.#previews.get(id)
    if (!preview) return undefined
    preview.abort.abort()
    await preview.ended
    const { metainfo, source } = preview
    const peers = 'peers' in source ? source.peers.map(address => formatAddress(address)) : []
    return { source: metainfo ?? source, peers: metainfo ? peers : [] }
  }

  /** Notes that a dialogue was closed. The preview ends with the last one. */
  release(id: string): void {
    const preview = this.#previews.get(id)
    if (preview && --preview.viewers === 0) this.drop(id)
  }

  /** Ends a preview. */
  drop(id: string): void {
    const preview = this.#previews.get(id)
    if (!preview) return
    this.#context.clock.clearTimeout(preview.timer)
    preview.abort.abort()
    this.#previews.delete(id)
  }

  /** Ends all previews. */
  close(): void {
    for (const id of [...this.#previews.keys()]) this.drop(id)
  }

  /** Shares the preview that fetches this torrent, and gives it the peers and trackers of the source. @returns its id */
  #shareFetch(infoHash: string, source: Metainfo | Magnet): string | undefined {
    if (isMetainfo(source)) return undefined
    for (const [id, preview] of this.#previews) {
      if (preview.document.infoHash !== infoHash || preview.document.state !== 'fetching') continue
      preview.viewers++
      if (preview.torrent) preview.torrent.addSource(source)
      else preview.otherLinks.push(source)
      return id
    }
    return undefined
  }

  #beginFetch(infoHash: string, preview: Preview): void {
    const before = this.#fetches.get(infoHash) ?? Promise.resolve()
    const ended = before.then(() => this.#fetch(preview))
    preview.ended = ended
    this.#fetches.set(infoHash, ended)
    void ended.finally(() => {
      if (this.#fetches.get(infoHash) === ended) this.#fetches.delete(infoHash)
    })
  }

  async #fetch(preview: Preview): Promise<void> {
    const { client, torrentOptions } = this.#context
    const { signal } = preview.abort
    let torrent: Torrent | undefined
    try {
      signal.throwIfAborted()
      torrent = await client.add(preview.source, { ...torrentOptions, signal, timeout: 0 })
      preview.torrent = torrent
      for (const link of preview.otherLinks) torrent.addSource(link)
      const metainfo = await whenReady(torrent, {
        progress: ({ reason }) => {
          preview.document = { ...preview.document, reason }
        },
      })
      preview.metainfo = metainfo
      const { reason: _, ...document } = preview.document
      preview.document = { ...document, name: metainfo.name, ...describeContent(metainfo) }
    } catch (error) {
      if (!signal.aborted)
        preview.document = { ...preview.document, state: 'failed', reason: messageOf(error) }
    } finally {
      preview.torrent = undefined
      await torrent?.close()
    }
  }
}

function describeContent(
  metainfo: Metainfo,
): Pick<PreviewDocument, 'fileCount' | 'files' | 'size' | 'state'> {
  const files: PreviewedFile[] = []
  let fileCount = 0
  for (const [index, { length, pad, path }] of metainfo.files.entries()) {
    if (pad) continue
    if (fileCount++ < MAX_PREVIEW_FILES) files.push({ index, path, length })
  }
  return { state: 'ready', size: metainfo.length, files, fileCount }
}
