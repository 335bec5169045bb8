import type { PeerAddress } from '../codec/compact.ts'
import type { Dht, DhtLookupOptions, DhtOptions } from '../dht/dht.ts'
import type { SharedDht } from '../discovery/peer-sources.ts'
import { messageOf, StorageError, type TsdlError } from '../errors.ts'
import type { FileSystem } from '../ports/file-system.ts'
import { readDhtRecord, writeDhtRecord } from './dht-record.ts'

export interface LazyDhtOptions {
  /** How to make the DHT, when it is needed. */
  readonly options: Omit<DhtOptions, 'state'>
  /** A file that keeps the nodes from one run to the next, and where it is. @default nodes are not kept */
  readonly record?: { readonly fs: FileSystem; readonly path: string } | undefined
  /** Told of what failed; the DHT goes on. */
  readonly warn: (error: TsdlError) => void
}

/** The DHT of a client: loaded, and its ports opened, when the first torrent asks for peers. */
export class LazyDht implements SharedDht {
  readonly #options: LazyDhtOptions
  #opening: Promise<Dht> | undefined
  #dht: Dht | undefined

  constructor(options: LazyDhtOptions) {
    this.#options = options
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

  /** Keeps the nodes for the next run and closes the DHT. Never rejects. */
  async close(): Promise<void> {
    const dht = await this.#opening?.catch(() => undefined)
    if (!dht) return
    const { record, warn } = this.#options
    if (record) {
      await writeDhtRecord(record.fs, record.path, dht.state).catch(error => {
        warn(error instanceof StorageError ? error : new StorageError('ERR_RECORD', messageOf(error), error))
      })
    }
    await dht.close()
  }

  #open(): Promise<Dht> {
    this.#opening ??= this.#start()
    return this.#opening
  }

  async #start(): Promise<Dht> {
    const { options, record, warn } = this.#options
    const [{ Dht }, state] = await Promise.all([
      import('../dht/dht.ts'),
      record && readDhtRecord(record.fs, record.path),
    ])
    const dht = new Dht({ ...options, ...(state ? { state } : {}) })
    dht.on('warning', warn)
    this.#dht = dht
    return dht.start()
  }
}
