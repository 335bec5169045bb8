import { dirname, join } from 'node:path'
import type { Bitfield } from '../../codec/bitfield.ts'
import { StorageError } from '../../errors.ts'
import type { Metainfo } from '../../metainfo/metainfo.ts'
import { check } from '../../pipeline/resume/check.ts'
import { resumeAt } from '../../pipeline/resume/find-verified-pieces.ts'
import { pick } from '../../ports/pick.ts'
import { FileStorage } from '../../storage/file-storage.ts'
import {
  copyFiles,
  deleteFiles,
  isOnOtherDevice,
  moveFiles,
  mustBeFree,
  pathsOf,
  renamedPaths,
  renameFile,
} from '../files/file-changes.ts'
import { renamed } from '../files/torrent-files.ts'
import { FilePriorities } from '../records/file-priorities.ts'
import type { SessionContext } from './session-context.ts'
import type { StoredTorrent } from './stored-torrent.ts'
import { parsePieces } from './torrent-progress.ts'

/**
 * Changes the files of one torrent. Each change is saved as `pending` before it begins, so that it is finished after a
 * crash.
 */
export class FileJobs {
  readonly #context: SessionContext
  readonly #stored: StoredTorrent

  constructor(context: SessionContext, stored: StoredTorrent) {
    this.#context = context
    this.#stored = stored
  }

  /** Hashes the files. The torrent must not run. Rejects with a StorageError, or the reason of the signal. */
  async check(signal: AbortSignal, progress: (share: number) => void): Promise<void> {
    const metainfo = await this.#stored.loadMetainfo()
    const { hashPool } = this.#context
    await this.#withStorage(metainfo, this.#stored.record.directory, async storage => {
      await storage.watch.remember([...metainfo.files.keys()])
      const pieces = await check({
        ...{ metainfo, storage, hashPool, signal },
        progress: looked => progress(looked / metainfo.pieceCount),
      })
      await this.#saveResume(metainfo, storage, pieces)
      await this.#stored.savePieces(pieces, metainfo)
    })
  }

  /** Begins a move: nothing is moved yet. Rejects with ERR_STORAGE if a file is in the way. */
  async planMove(to: string): Promise<void> {
    const metainfo = await this.#stored.loadMetainfo()
    await mustBeFree(this.#context.fs, to, pathsOf(metainfo))
    await this.#stored.save({ pending: { kind: 'move', from: this.#stored.record.directory, to } })
  }

  /**
   * Copies the files to another file system, while the torrent may be sharing them. Does nothing on the same one.
   * Rejects with a StorageError, or the reason of the signal.
   */
  async copyAhead(to: string, signal: AbortSignal): Promise<void> {
    const { directory } = this.#stored.record
    const { fs } = this.#context
    if (!(await isOnOtherDevice(fs, directory, to))) return
    await copyFiles(fs, directory, to, pathsOf(await this.#stored.loadMetainfo()), signal)
  }

  /** Finishes a move. The torrent must not run. Rejects with a StorageError; the files are then where they were. */
  async move(to: string): Promise<void> {
    const { directory: from, pieces } = this.#stored.record
    const { fs } = this.#context
    const metainfo = await this.#stored.loadMetainfo()
    const paths = pathsOf(metainfo)
    const areLeft = await moveFiles(fs, from, to, paths)
    await this.#withStorage(metainfo, to, storage =>
      this.#saveResume(metainfo, storage, parsePieces(pieces, metainfo.pieceCount)),
    )
    await this.#stored.save({ directory: to, pending: areLeft ? { kind: 'clean', from, to } : null })
    await this.clean()
  }

  /** Gives up a move: the copies are deleted. */
  async undoMove(): Promise<void> {
    const { pending } = this.#stored.record
    if (pending?.kind !== 'move') return
    const paths = pathsOf(await this.#stored.loadMetainfo())
    const { fs } = this.#context
    if (await isOnOtherDevice(fs, pending.from, pending.to)) await deleteFiles(fs, pending.to, paths)
    await this.#stored.save({ pending: null })
  }

  /** Deletes what a move to another file system left. */
  async clean(): Promise<void> {
    const { pending } = this.#stored.record
    if (pending?.kind !== 'clean') return
    await deleteFiles(this.#context.fs, pending.from, pathsOf(await this.#stored.loadMetainfo()))
    await this.#stored.save({ pending: null })
  }

  /** Renames a file or a directory. The torrent must not run. Rejects with an InputError or a StorageError. */
  async rename(path: string, name: string): Promise<void> {
    const metainfo = await this.#stored.loadMetainfo()
    renamedPaths(metainfo, path, name) // invalid names are rejected
    await this.#stored.save({ pending: { kind: 'rename', from: path, to: name } })
    await this.finishRename().catch(async error => {
      await this.#stored.save({ pending: null })
      throw error
    })
  }

  /** Finishes a rename that has begun. */
  async finishRename(): Promise<void> {
    const { directory, paths, pending, pieces } = this.#stored.record
    if (pending?.kind !== 'rename') return
    const { from, to } = pending
    const metainfo = await this.#stored.loadMetainfo()
    const changed = renamedPaths(metainfo, from, to)
    await renameFile(this.#context.fs, join(directory, from), join(directory, dirname(from), to))
    const own = renamed(metainfo, changed)
    await this.#withStorage(own, directory, storage =>
      this.#saveResume(own, storage, parsePieces(pieces, own.pieceCount)),
    )
    const isRoot = !from.includes('/')
    await this.#stored.save({
      ...{ paths: { ...paths, ...changed }, pending: null },
      ...(isRoot ? { name: to } : {}),
    })
  }

  /** Deletes the torrent's record, and its files if `withData`. The torrent must not run. Rejects with a StorageError. */
  async remove(withData: boolean): Promise<void> {
    const { directory, infoHash, link } = this.#stored.record
    if (withData && link === null) {
      await this.#stored.save({ intent: 'stopped', pending: { kind: 'remove', from: directory, to: '' } })
      await deleteFiles(this.#context.fs, directory, pathsOf(await this.#stored.loadMetainfo()))
    }
    await this.#context.store.removeTorrent(infoHash)
  }

  async #withStorage<T>(
    metainfo: Metainfo,
    directory: string,
    work: (storage: FileStorage) => Promise<T>,
  ): Promise<T> {
    const { fs, locks } = this.#context
    const priorities = new FilePriorities(metainfo.files.length, this.#stored.record.priorities)
    const storage = new FileStorage(metainfo, {
      ...{ directory, fs, selected: index => priorities.isWanted(index) },
      ...pick({ locks }, 'locks'),
    })
    try {
      return await work(storage)
    } finally {
      await storage.close()
    }
  }

  /** Writes what is verified, so that the next start hashes only a sample of it. */
  async #saveResume(metainfo: Metainfo, storage: FileStorage, pieces: Bitfield): Promise<void> {
    const path = this.#context.store.resumePath?.(this.#stored.record.infoHash)
    if (path === undefined) return
    await resumeAt(path, metainfo, storage, this.#context.fs)
      .write(pieces)
      .catch(error => {
        // without it the files are hashed
        if (!(error instanceof StorageError)) throw error
      })
  }
}
