import { LocalDiscovery } from '../../discovery/local-discovery.ts'

/** LSD that opens its ports when the first torrent is added. */
export class LazyLocalDiscovery extends LocalDiscovery {
  #started = false

  override add(infoHash: Uint8Array, port: number | undefined): void {
    super.add(infoHash, port)
    if (this.#started) return
    this.#started = true
    void this.start()
  }
}
