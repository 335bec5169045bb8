import { AddressRanges } from '../codec/address-ranges.ts'
import { InputError, type TsdlError } from '../errors.ts'
import { loadBlocklist } from '../pipeline/sources/load-blocklist.ts'
import type { HttpOpen } from '../ports/http-client.ts'
import { pick } from '../ports/pick.ts'
import type { SessionSettings } from './records/session-record.ts'
import { failureOf } from './torrent/failure-of.ts'
import type { SessionContext } from './torrent/session-context.ts'

type BlocklistSettings = Pick<SessionSettings, 'blocklist'>

/** The blocklist of a session: loaded on demand from the URL or the path in the settings, and remembered. */
export class SessionBlocklist {
  readonly #context: SessionContext
  readonly #http: HttpOpen | undefined
  readonly #closing = new AbortController()
  #ranges: AddressRanges | undefined
  #applied: AddressRanges | undefined
  #update: { readonly url: string; readonly done: Promise<number> } | undefined

  /** @param http requests URLs. @default node:http and node:https */
  constructor(context: SessionContext, http?: HttpOpen) {
    this.#context = context
    this.#http = http
  }

  /** The number of ranges. */
  get size(): number {
    return this.#ranges?.size ?? 0
  }

  /** Reads the remembered list. @returns the reason if it cannot be read */
  async open(): Promise<TsdlError[]> {
    try {
      const bytes = await this.#context.store.loadBlocklist?.()
      if (bytes) this.#ranges = AddressRanges.decode(bytes)
      return []
    } catch (error) {
      return [failureOf(error)]
    }
  }

  /** Gives the list to the client while the settings enable it. */
  apply({ blocklist }: BlocklistSettings): void {
    const ranges = blocklist.enabled ? this.#ranges : undefined
    if (ranges === this.#applied) return // the client may have a list of its own
    this.#applied = ranges
    this.#context.client.blocklist = ranges
  }

  /**
   * Loads the list of the settings, and replaces the remembered one. Resolves with the number of its ranges.
   * Rejects with an InputError if it cannot be read or is invalid, and with a StorageError if it cannot be saved. The old
   * one stays in use then.
   */
  update(): Promise<number> {
    const { url } = this.#context.stored.settings.blocklist
    if (this.#update?.url === url) return this.#update.done
    const done = this.#load(url).finally(() => {
      if (this.#update?.done === done) this.#update = undefined
    })
    this.#update = { url, done }
    return done
  }

  /** Ends an update, which rejects. */
  close(): void {
    this.#closing.abort(new InputError('ERR_USAGE', 'blocklist: the session was closed'))
  }

  async #load(url: string): Promise<number> {
    const { fs, store, stored } = this.#context
    const { signal } = this.#closing
    if (url === '') throw new InputError('ERR_USAGE', 'blocklist: its URL is not set')
    const ranges = await loadBlocklist(url, { fs, signal, ...pick({ http: this.#http }, 'http') })
    if (stored.settings.blocklist.url !== url)
      throw new InputError('ERR_USAGE', `blocklist ${url}: another URL was set meanwhile`)
    await store.saveBlocklist?.(ranges.encode())
    this.#ranges = ranges
    this.apply(stored.settings)
    return ranges.size
  }
}
