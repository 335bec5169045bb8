import type { Bitfield } from '../../codec/bitfield.ts'
import { formatAddress } from '../../codec/compact.ts'
import { InputError, StorageError } from '../../errors.ts'
import { Layout } from '../../metainfo/layout.ts'
import { type Magnet, parseMagnet, selectedByLink } from '../../metainfo/magnet.ts'
import type { Metainfo } from '../../metainfo/metainfo.ts'
import type { NameOptions } from '../../metainfo/name.ts'
import { openMetainfo } from '../../metainfo/parse.ts'
import { torrentOf } from '../../metainfo/torrent.ts'
import { wantedPieces } from '../../pipeline/pieces/wanted.ts'
import { findFiles } from '../../storage/find-files.ts'
import { changedPaths, renamed } from '../files/torrent-files.ts'
import { type FileList, fileListOf, readFileList, recordFileList } from '../records/file-list.ts'
import { FilePriorities } from '../records/file-priorities.ts'
import { factsForRecord } from '../records/torrent-facts.ts'
import { MAX_PEERS, MAX_TIERS, type TorrentRecord } from '../records/torrent-record.ts'
import { failureOf } from './failure-of.ts'
import type { SessionContext } from './session-context.ts'
import { formatPieces, hasChecked, haveBytesOf, parsePieces } from './torrent-progress.ts'
import type { TorrentRun } from './torrent-run.ts'

/** Trackers and peers of a torrent: tiers, and `host:port`. */
export type StoredSource = Pick<TorrentRecord, 'peers'> & {
  readonly trackers: readonly (readonly string[])[]
}

/** Returns the trackers and peers of a source, with those that options name. */
export function storedSourceOf(
  source: Metainfo | Magnet,
  { trackers, peers = [] }: Partial<Pick<TorrentRecord, 'trackers' | 'peers'>>,
): StoredSource {
  const named = 'peers' in source ? source.peers.map(formatAddress) : []
  return { trackers: trackers ?? source.trackers, peers: [...named, ...peers] }
}

/** The remembered state of one torrent, and its .torrent. Saves include the counters of the present run. */
export class StoredTorrent {
  /** The present run. Set by `TorrentRunner`. */
  run: TorrentRun | undefined
  readonly #context: SessionContext
  #record: TorrentRecord
  /** True if the record differs from what is saved, apart from the run. */
  #isDirty = false

  constructor(context: SessionContext, record: TorrentRecord) {
    this.#context = context
    this.#record = record
  }

  get record(): TorrentRecord {
    return this.#record
  }

  /** True if there is a run, and its initial check is done. */
  get isRunKnown(): boolean {
    const run = this.run
    return run !== undefined && hasChecked(run)
  }

  /** Saves changes. Rejects with a StorageError, and nothing has changed then. */
  async save(changes: Partial<TorrentRecord>): Promise<void> {
    const next = { ...this.#record, ...changes }
    await this.#write(next)
    this.#record = next
    this.#isDirty = false
  }

  /**
   * Saves changes that hold even if they cannot be saved now. A failure is a warning, and the next save includes the
   * changes. Never rejects.
   */
  async saveEssential(changes: Partial<TorrentRecord>): Promise<void> {
    this.#record = { ...this.#record, ...changes }
    this.#isDirty = true
    await this.saveIfDirty().catch(error =>
      this.#context.events.emit('warning', this.#record.id, failureOf(error)),
    )
  }

  /** Saves what is not saved yet. Rejects with a StorageError. */
  async saveIfDirty(): Promise<void> {
    if (this.#isDirty) await this.save({})
  }

  /** Notes that bytes were sent or received. */
  noteActivity(): void {
    this.#record = { ...this.#record, activeAt: this.#context.now() }
    this.#isDirty = true
  }

  /** Returns the torrent to add to the client. Rejects if its .torrent cannot be read. */
  async loadSource(): Promise<Metainfo | Magnet> {
    const { link } = this.#record
    return link === null ? this.loadMetainfo() : parseMagnet(link)
  }

  /** Returns the metainfo with the paths on disk. Rejects with ERR_USAGE while it is not known. */
  async loadMetainfo(): Promise<Metainfo> {
    const { infoHash, link, name, paths } = this.#record
    if (link !== null) throw new InputError('ERR_USAGE', `${name}: the metadata is not known yet`)
    const running = this.run?.torrent
    if (running && this.isRunKnown) return running.metainfo
    const bytes = await this.#context.store.loadMetainfo(infoHash)
    const metainfo = await openMetainfo(bytes, this.#context.names)
    this.#takeFacts(metainfo)
    return renamed(metainfo, paths ?? {})
  }

  /** Lists the files with their paths on disk. Rejects with ERR_USAGE while the metadata is not known. */
  async loadFileList(): Promise<FileList> {
    const { fileList, link, paths } = this.#record
    const recorded =
      link === null && !this.isRunKnown ? readFileList(fileList, this.#context.names) : undefined
    if (!recorded) return fileListOf(await this.loadMetainfo())
    return paths
      ? {
          ...recorded,
          files: recorded.files.map(file => ({ ...file, path: paths[file.index] ?? file.path })),
        }
      : recorded
  }

  /** Notes the facts and files of a .torrent, which a record of an older version does not have. */
  #takeFacts(metainfo: Metainfo): void {
    const { facts, fileList } = this.#record
    const found = {
      facts: facts ?? factsForRecord(metainfo),
      fileList: recordFileList(metainfo, this.#context.names),
    }
    if (found.facts === facts && found.fileList === fileList) return
    this.#record = { ...this.#record, ...found }
    this.#isDirty = true
  }

  /** Saves the trackers and peers of another source of the torrent, unless it is private. */
  async addSource({ trackers, peers }: StoredSource): Promise<void> {
    const { record } = this
    if (record.private) return
    const own = record.trackers ?? record.facts?.trackers ?? (await this.loadSource()).trackers
    const known = new Set(own.flat())
    const added = trackers.map(tier => tier.filter(url => !known.has(url))).filter(tier => tier.length > 0)
    await this.save({
      ...(added.length > 0 ? { trackers: [...own, ...added].slice(0, MAX_TIERS) } : {}),
      peers: [...new Set([...record.peers, ...peers])].slice(0, MAX_PEERS),
    })
  }

  /** The trackers and peers that are used. */
  async loadStoredSource(): Promise<StoredSource> {
    return storedSourceOf(await this.loadSource(), this.#record)
  }

  /** Saves the metadata of a magnet link, and begins the content. */
  async takeMetainfo(run: TorrentRun, metainfo: Metainfo): Promise<void> {
    if (run.torrent.state === 'closed') return // it was merged with another one
    const { link, priorities } = this.#record
    const selected = link === null ? undefined : selectedByLink(parseMagnet(link), metainfo)
    const all = new FilePriorities(metainfo.files.length, priorities)
    if (selected) {
      const chosen = new Set(selected)
      for (const index of metainfo.files.keys()) if (!chosen.has(index)) all.set(index, 'off')
    }
    await this.#context.store.saveMetainfo(this.#record.infoHash, torrentOf(metainfo))
    await this.save({
      link: null,
      ...factsOf(metainfo, this.#context.names),
      ...this.#selectionOf(all, metainfo),
    })
    this.#context.events.emit('metadata', this.#record.id, metainfo)
    await this.beginContent(run, metainfo)
  }

  /** Begins the content of a run. At the first time it looks for files with other names. */
  async beginContent(run: TorrentRun, metainfo: Metainfo): Promise<void> {
    const { directory, paths, priorities } = this.#record
    let own = metainfo
    if (paths === null) {
      own = await findFiles(metainfo, { ...this.#context.names, directory, fs: this.#context.fs })
      this.#record = { ...this.#record, paths: changedPaths(metainfo, own) }
      this.#isDirty = true
    }
    run.begin({ directory, metainfo: own, priorities: new FilePriorities(own.files.length, priorities) })
  }

  /** Returns an error if all files have gone since the last run: they may be on a disk that is not mounted. */
  findLoss({ torrent }: TorrentRun): StorageError | undefined {
    const { directory, haveBytes, name } = this.#record
    if (haveBytes === 0 || torrent.verified.count > 0) return undefined
    const message = `${name}: its files are no longer in ${directory} (start it again to download them again)`
    return new StorageError('ERR_CHANGED', message)
  }

  /** Saves priorities of files. @param metainfo undefined while it is not known */
  async savePriorities(priorities: FilePriorities, metainfo: Metainfo | undefined): Promise<void> {
    await this.save(
      metainfo ? this.#selectionOf(priorities, metainfo) : { priorities: priorities.toRecord() },
    )
  }

  /** The verified pieces of a run, if they are known. */
  piecesOf(run: TorrentRun): Bitfield | undefined {
    return hasChecked(run) ? run.torrent.verified.clone() : undefined
  }

  /** Takes over what a run has counted. @param pieces the verified pieces, if they are known */
  takeOver(run: TorrentRun, pieces: Bitfield | undefined): void {
    this.#record = this.#withRun(this.#record, run, pieces)
    this.#isDirty = true
  }

  /** Saves which pieces a check has found. */
  async savePieces(pieces: Bitfield, metainfo: Metainfo): Promise<void> {
    const priorities = new FilePriorities(metainfo.files.length, this.#record.priorities)
    await this.save({ ...pieceFields(pieces, metainfo), ...wantedFields(priorities, pieces, metainfo) })
  }

  #selectionOf(priorities: FilePriorities, metainfo: Metainfo): Partial<TorrentRecord> {
    const verified = this.isRunKnown
      ? this.run!.torrent.verified
      : parsePieces(this.#record.pieces, metainfo.pieceCount)
    return { priorities: priorities.toRecord(), ...wantedFields(priorities, verified, metainfo) }
  }

  #write(record: TorrentRecord): Promise<void> {
    const run = this.run
    return this.#context.store.saveTorrent(run ? this.#withRun(record, run, this.piecesOf(run)) : record)
  }

  /** Returns a record with what a run has counted. */
  #withRun(record: TorrentRecord, run: TorrentRun, pieces: Bitfield | undefined): TorrentRecord {
    const { downloadingTime, seedingTime, transferred } = run.meter
    return {
      ...record,
      downloaded: record.downloaded + transferred.downloaded,
      uploaded: record.uploaded + transferred.uploaded,
      wasted: record.wasted + transferred.wasted,
      downloadingTime: Math.round(record.downloadingTime + downloadingTime),
      seedingTime: Math.round(record.seedingTime + seedingTime),
      ...(pieces ? runFields(run, pieces) : {}),
    }
  }
}

/** Returns the fields of a record that say what a torrent is. */
export function factsOf(metainfo: Metainfo, names: NameOptions) {
  const { files, length: size, name, pieceCount, private: isPrivate } = metainfo
  const facts = factsForRecord(metainfo)
  const fileList = recordFileList(metainfo, names)
  return { name, size, pieceCount, fileCount: files.length, private: isPrivate, facts, fileList }
}

/** Returns the fields of a record that say which pieces are stored. */
function pieceFields(pieces: Bitfield, metainfo: Metainfo) {
  return { pieces: formatPieces(pieces), haveBytes: haveBytesOf(metainfo, pieces) }
}

/** Returns the fields of a record that count wanted and stored bytes. */
export function wantedFields(priorities: FilePriorities, pieces: Bitfield, metainfo: Metainfo) {
  const layout = new Layout(metainfo)
  const fields = { wantedBytes: 0, verifiedBytes: 0 }
  for (const index of wantedPieces(metainfo, at => priorities.isWanted(at))) {
    fields.wantedBytes += layout.pieceSize(index)
    if (pieces.has(index)) fields.verifiedBytes += layout.pieceSize(index)
  }
  return fields
}

function runFields({ torrent }: TorrentRun, pieces: Bitfield) {
  const { total: wantedBytes, verified: verifiedBytes } = torrent.counts
  return { ...pieceFields(pieces, torrent.metainfo), wantedBytes, verifiedBytes }
}
