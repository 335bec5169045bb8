import type { Metainfo } from '../../metainfo/metainfo.ts'
import { type Field, list, nullable, object, text, whole, withDefault } from './fields.ts'

/** Facts in a .torrent apart from files and hashes. Lists of torrents show them. */
export interface TorrentFacts {
  readonly comment: string
  readonly createdBy: string
  /** Seconds since 1970; 0 for unknown. */
  readonly creationDate: number
  readonly pieceLength: number
  /** The tag of a private tracker, or ''. */
  readonly source: string
  readonly trackers: readonly (readonly string[])[]
  readonly webSeeds: readonly string[]
}

/** Maximum length of facts in a record, as JSON. Longer ones are read from the .torrent. */
const MAX_FACTS_LENGTH = 16_384

const texts = list(text(MAX_FACTS_LENGTH), MAX_FACTS_LENGTH)
const facts: Field<TorrentFacts | null> = nullable(
  object({
    comment: text(MAX_FACTS_LENGTH),
    createdBy: text(MAX_FACTS_LENGTH),
    creationDate: whole,
    pieceLength: whole,
    source: withDefault(text(MAX_FACTS_LENGTH), ''),
    trackers: list(texts, MAX_FACTS_LENGTH),
    webSeeds: texts,
  }),
)

/** The facts in a record; null if it has none, or they are too long for it. Older records have none. */
export const recordedFacts: Field<TorrentFacts | null> = withDefault(facts, null)

/** Returns the facts of a .torrent. */
export function torrentFactsOf(metainfo: Metainfo): TorrentFacts {
  const {
    comment = '',
    createdBy = '',
    source = '',
    creationDate,
    pieceLength,
    trackers,
    webSeeds,
  } = metainfo
  const isTime = creationDate !== undefined && Number.isSafeInteger(creationDate) && creationDate >= 0
  return {
    comment,
    createdBy,
    creationDate: isTime ? creationDate : 0,
    pieceLength,
    source,
    trackers,
    webSeeds,
  }
}

/** Returns the facts that a record keeps. */
export function factsForRecord(metainfo: Metainfo): TorrentFacts | null {
  const found = torrentFactsOf(metainfo)
  return JSON.stringify(found).length > MAX_FACTS_LENGTH ? null : found
}
