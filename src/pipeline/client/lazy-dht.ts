import type { PeerAddress } from '../../codec/compact.ts'
import type { Dht, DhtLookupOptions, DhtOptions } from '../../dht/dht.ts'
import type { SharedDht } from '../../discovery/peer-sources.ts'
import { messageOf, StorageError, type TsdlError } from '../../errors.ts'
import { Emitter } from '../../ports/emitter.ts'
import type { FileSystem } from '../../ports/file-system.ts'
import { forwardEvents } from '../../ports/forward-events.ts'
import { readDhtRecord, writeDhtRecord } from './dht-record.ts'

/** Options of `LazyDht`. */
export interface LazyDhtOptions {
  /** The options of the DHT. */
  readonly options: Omit<DhtOptions, 'state'>
  /** The file that keeps the nodes between runs. @default nodes are not kept */
  readonly record?: { readonly fs: FileSystem; readonly path: string } | undefined
}

export interface LazyDhtEvents {
  /** A failure. The DHT continues. */
  warning: [error: TsdlError]
}

/** The DHT of a client. It is loaded, and its ports are opened, when the first torrent looks up peers. */
export class LazyDht extends Emitter<LazyDhtEvents> implements SharedDht {
  readonly #options: LazyDhtOptions
  #opening: Promise<Dht> | undefined
  #dht: Dht | undefined

  constructor(options: LazyDhtOptions) {
    super()
    this.#options = options
  }

  get size(): number {
    return this.#dht?.size ?? 0
  }

  get readOnly(): boolean {
    return this.#dht?.readOnly ?? true
  }

  port(family?: 4 | 6): number | undefined {
    return this.#dht?.port(family)
  }

  add(node: PeerAddress): void {
    void this.#open().then(dht => dht.add(node))
  }

  async lookup(infoHash: Uint8Array, options: DhtLookupOptions) {
    const dht = await this.#open()
    return dht.lookup(infoHash, options)
  }

  /** Saves the nodes and closes the DHT. Never rejects. */
  async close(): Promise<void> {
    const dht = await this.#opening?.catch(() => undefined)
    if (!dht) return
    const { record } = this.#options
    if (record) {
      await writeDhtRecord(record.fs, record.path, dht.state).catch(error => {
        this.emit(
          'warning',
          error instanceof StorageError ? error : new StorageError('ERR_RECORD', messageOf(error), error),
        )
      })
    }
    await dht.close()
  }

  #open(): Promise<Dht> {
    this.#opening ??= this.#start()
    return this.#opening
  }

  async #start(): Promise<Dht> {
    const { options, record } = this.#options
    const [{ Dht }, state] = await Promise.all([
      import('../../dht/dht.ts'),
      record && readDhtRecord(record.fs, record.path),
    ])
    const dht = new Dht({ ...options, ...(state ? { state } : {}) })
    forwardEvents(dht, this, 'warning')
    this.#dht = dht
    return dht.start()
  }
}
