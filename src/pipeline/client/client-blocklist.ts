import type { AddressRanges } from '../../codec/address-ranges.ts'
import { type LoadBlocklistOptions, loadBlocklist } from '../sources/load-blocklist.ts'
import type { Blocklist } from '../swarm/blocklist.ts'

/** The blocklist of a client. One in a file or at a URL is loaded for the first torrent. */
export class ClientBlocklist implements Blocklist {
  readonly #options: LoadBlocklistOptions
  #ranges: AddressRanges | undefined
  #source: string | undefined
  #loading: Promise<void> | undefined

  /** @param source the ranges, or the path or the URL of a list */
  constructor(source: string | AddressRanges | undefined, options: LoadBlocklistOptions) {
    this.#options = options
    if (typeof source === 'string') this.#source = source
    else this.#ranges = source
  }

  get ranges(): AddressRanges | undefined {
    return this.#ranges
  }

  set ranges(ranges: AddressRanges | undefined) {
    this.#source = undefined
    this.#ranges = ranges
  }

  /** Resolves when the list is loaded. Rejects with an InputError; the next call tries again. */
  async load(): Promise<void> {
    if (this.#source === undefined) return
    this.#loading ??= this.#load(this.#source).finally(() => {
      this.#loading = undefined
    })
    await this.#loading
  }

  async #load(source: string): Promise<void> {
    const ranges = await loadBlocklist(source, this.#options)
    // otherwise it was replaced meanwhile
    if (this.#source === source) this.ranges = ranges
  }
}
