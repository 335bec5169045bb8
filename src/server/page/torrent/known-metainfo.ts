import type { Metainfo } from '../../../metainfo/metainfo.ts'
import type { PageTorrent } from '../page-torrents.ts'

/** The metainfo of a torrent: that of its run, or the one that its session has stored. It is loaded at the first use. */
export class KnownMetainfo {
  #stored: Metainfo | undefined
  #isLoading = false

  /** Returns the metainfo if it is known by now. */
  get({ loadMetainfo, stored, torrent }: PageTorrent): Metainfo | undefined {
    if (torrent && torrent.state !== 'new') {
      const known = torrent.details.metainfo
      if (known) return known
    }
    if (stored && stored.record.fileCount > 0 && !this.#stored && !this.#isLoading)
      void this.#load(loadMetainfo)
    return this.#stored
  }

  async #load(load: () => Promise<Metainfo>): Promise<void> {
    this.#isLoading = true
    this.#stored = await load().catch(() => undefined)
    this.#isLoading = false
  }
}
