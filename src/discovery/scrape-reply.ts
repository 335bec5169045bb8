import { asDict, keyName } from '../codec/bencode.ts'
import { count, message, readDict } from './reply-dict.ts'

/** How many peers a tracker counts for one torrent; what it did not say is missing. */
export interface Scrape {
  /** Peers that have everything. */
  readonly complete?: number
  /** Peers that don't. */
  readonly incomplete?: number
  /** How often it was told of a completed download. */
  readonly downloaded?: number
  /** Those of `incomplete` that are no partial seeds (BEP 21). */
  readonly downloaders?: number
}

export interface ScrapeReply {
  /** In the order of the question; undefined for a torrent that the reply says nothing of. */
  readonly counts: (Scrape | undefined)[]
  /** Set when the scrape was refused; then there are no counts. */
  readonly failureReason?: string
}

/** Reads the body of an HTTP tracker's reply to a scrape (BEP 48). Throws InputError ERR_BENCODE. */
export function parseScrapeReply(body: Uint8Array, infoHashes: readonly Uint8Array[]): ScrapeReply {
  const dict = readDict(body)
  for (const key of ['failure reason', 'failure_reason']) {
    if (Object.hasOwn(dict, key))
      return { counts: [], failureReason: message(dict, key) || 'no reason given' }
  }
  const files = asDict(dict.files) ?? {}
  return {
    counts: infoHashes.map(hash => {
      const name = keyName(hash)
      const entry = Object.hasOwn(files, name) ? asDict(files[name]) : undefined
      if (!entry) return undefined
      const complete = count(entry, 'complete')
      const incomplete = count(entry, 'incomplete')
      const downloaded = count(entry, 'downloaded')
      const downloaders = count(entry, 'downloaders')
      return {
        ...(complete !== undefined && { complete }),
        ...(incomplete !== undefined && { incomplete }),
        ...(downloaded !== undefined && { downloaded }),
        ...(downloaders !== undefined && { downloaders }),
      }
    }),
  }
}
