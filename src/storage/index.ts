/** Storages for the bytes of a torrent: `tsdl/storage`. */
export type { FileLock, FileLocks, LockHolder } from './file-locks.ts'
export { FileStorage, type FileStorageOptions } from './file-storage.ts'
export { type FindFilesOptions, findFiles } from './find-files.ts'
export { type Located, type LocateOptions, locate } from './locate.ts'
export { LockDirectory, type LockDirectoryOptions } from './lock-directory.ts'
export { resumePath } from './resume-record.ts'
export { ReusableFiles } from './reusable-files.ts'
export { SpillFile, type SpillFileOptions } from './spill-file.ts'
export type {
  LentBytes,
  ReadWindow,
  Storage,
  WindowOwner,
  WindowRange,
  WindowSource,
} from './storage.ts'
export { type StorageAction, storageError } from './storage-error.ts'
export { WindowStorage } from './window-storage.ts'
