import { asDict, keyName } from '../codec/bencode.ts'
import { countAt, readDict, textAt } from './reply-dict.ts'

/** The number of peers that a tracker counts for one torrent. A number that it did not send is missing. */
export interface Scrape {
  /** Seeds. */
  readonly complete?: number
  /** Peers that are not seeds. */
  readonly incomplete?: number
  /** Completed downloads that were announced to the tracker. */
  readonly downloaded?: number
  /** Peers in `incomplete` without partial seeds (BEP 21). */
  readonly downloaders?: number
}

export interface ScrapeReply {
  /** In the order of the request; undefined for a torrent that is not in the reply. */
  readonly counts: (Scrape | undefined)[]
  /** Set if the scrape was refused; then there are no counts. */
  readonly failureReason?: string
}

/** Parses the body of an HTTP tracker's reply to a scrape (BEP 48). Throws InputError ERR_BENCODE. */
export function parseScrapeReply(body: Uint8Array, infoHashes: readonly Uint8Array[]): ScrapeReply {
  const dict = readDict(body)
  for (const key of ['failure reason', 'failure_reason']) {
    if (Object.hasOwn(dict, key)) return { counts: [], failureReason: textAt(dict, key) || 'no reason given' }
  }
  const files = asDict(dict.files) ?? {}
  return {
    counts: infoHashes.map(hash => {
      const name = keyName(hash)
      const entry = Object.hasOwn(files, name) ? asDict(files[name]) : undefined
      if (!entry) return undefined
      const complete = countAt(entry, 'complete')
      const incomplete = countAt(entry, 'incomplete')
      const downloaded = countAt(entry, 'downloaded')
      const downloaders = countAt(entry, 'downloaders')
      return {
        ...(complete !== undefined && { complete }),
        ...(incomplete !== undefined && { incomplete }),
        ...(downloaded !== undefined && { downloaded }),
        ...(downloaders !== undefined && { downloaders }),
      }
    }),
  }
}
