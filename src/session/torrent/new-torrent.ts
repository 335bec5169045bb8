import { Bitfield } from '../../codec/bitfield.ts'
import { InputError } from '../../errors.ts'
import { wireHashOf } from '../../metainfo/info-hashes.ts'
import type { Magnet } from '../../metainfo/magnet.ts'
import type { Metainfo } from '../../metainfo/metainfo.ts'
import type { NameOptions } from '../../metainfo/name.ts'
import { torrentOf } from '../../metainfo/torrent.ts'
import { isMetainfo } from '../../pipeline/sources/torrent-source.ts'
import { dictionary, flag, list, readChanges, text, whole } from '../records/fields.ts'
import { FilePriorities } from '../records/file-priorities.ts'
import type { SessionSettings } from '../records/session-record.ts'
import {
  DEFAULT_TORRENT_OPTIONS,
  type SessionTorrentOptions,
  TORRENT_OPTIONS,
  type TorrentRecord,
} from '../records/torrent-record.ts'
import type { StateStore } from '../store/state-store.ts'
import { magnetLinkOf } from './magnet-link.ts'
import { factsOf, wantedFields } from './stored-torrent.ts'

const indices = list(whole, 500_000)

const NEW_TORRENT_OPTIONS = {
  ...TORRENT_OPTIONS,
  directory: text(),
  start: flag,
  off: indices,
  low: indices,
  high: indices,
  headers: dictionary(text(16_384), 100),
} as const

/** Options of `Session.add`. */
export interface NewTorrentOptions extends Partial<SessionTorrentOptions> {
  /** An absolute path. @default that of the category, or of the session */
  readonly directory?: string
  /** False to leave it stopped. @default `startsAdded` of the session */
  readonly start?: boolean
  /** Indices of the files that are not wanted, and of those with another priority than normal. @default none */
  readonly off?: readonly number[]
  readonly low?: readonly number[]
  readonly high?: readonly number[]
  /** Headers of the request for the .torrent at a URL, such as `cookie`. They are not remembered. @default none */
  readonly headers?: Readonly<Record<string, string>>
}

/** Checks the options of a new torrent. @throws InputError ERR_USAGE that names an unknown or invalid one */
export function readNewTorrentOptions(options: NewTorrentOptions): NewTorrentOptions {
  return readChanges(NEW_TORRENT_OPTIONS, options, 'options') as NewTorrentOptions
}

/** The fields of a new torrent that the session sets. */
export type NewTorrentPlace = Pick<TorrentRecord, 'id' | 'order' | 'addedAt'>

/** Returns the record of a new torrent. @throws InputError ERR_USAGE for a file that it does not have */
export function newTorrentRecord(
  source: Metainfo | Magnet,
  options: Omit<NewTorrentOptions, 'headers'>,
  settings: SessionSettings,
  place: NewTorrentPlace,
  names: NameOptions = {},
): TorrentRecord {
  const { directory, start = settings.startsAdded, off = [], low = [], high = [], ...own } = options
  const metainfo = isMetainfo(source) ? source : undefined
  const facts = metainfo
    ? factsOf(metainfo, names)
    : {
        name: source.name ?? infoHashOf(source),
        size: 0,
        pieceCount: 0,
        fileCount: 0,
        private: false,
        facts: null,
        fileList: null,
      }
  const chosen = [...off, ...low, ...high]
  const unknown = chosen.find(index => metainfo && index >= metainfo.files.length)
  if (unknown !== undefined)
    throw new InputError('ERR_USAGE', `file ${unknown}: the torrent has ${metainfo!.files.length} files`)
  const priorities = new FilePriorities(metainfo?.files.length ?? Math.max(-1, ...chosen) + 1)
  for (const [priority, files] of Object.entries({ off, low, high } as const))
    for (const index of files) priorities.set(index, priority as 'off' | 'low' | 'high')
  return {
    ...DEFAULT_TORRENT_OPTIONS,
    maxPeers: settings.maxPeersPerTorrent,
    ...own,
    ...place,
    ...facts,
    infoHash: infoHashOf(source),
    link: metainfo ? null : magnetLinkOf(source),
    directory: directory ?? (settings.categories[own.category ?? ''] || settings.directory),
    intent: start ? 'started' : 'stopped',
    isFinished: false,
    startedAt: start ? place.addedAt : 0,
    ...{ doneAt: 0, activeAt: 0, downloaded: 0, uploaded: 0, wasted: 0, downloadingTime: 0, seedingTime: 0 },
    ...{ wantedBytes: 0, verifiedBytes: 0, haveBytes: 0, pieces: 'none' },
    ...(metainfo ? wantedFields(priorities, new Bitfield(metainfo.pieceCount), metainfo) : {}),
    priorities: priorities.toRecord(),
    ...{ paths: null, error: null, pending: null },
  }
}

/** Saves a new torrent. Rejects with a StorageError. */
export async function saveNewTorrent(
  store: StateStore,
  source: Metainfo | Magnet,
  record: TorrentRecord,
): Promise<void> {
  if (isMetainfo(source)) await store.saveMetainfo(record.infoHash, torrentOf(source))
  await store.saveTorrent(record)
}

/** Returns the info-hash of a source in hex, as `Torrent.infoHash`. */
export function infoHashOf(source: Metainfo | Magnet): string {
  return wireHashOf(source).toString('hex')
}
