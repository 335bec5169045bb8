/** Changes files of a torrent that does not run: moves, renames and deletes them. */
import { dirname, join, resolve, sep } from 'node:path'
import { InputError, StorageError } from '../../errors.ts'
import type { Metainfo } from '../../metainfo/metainfo.ts'
import { type EditableFileSystem, type FileHandle, systemCode } from '../../ports/file-system.ts'
import { storageError } from '../../storage/storage-error.ts'
import { syncDirectory } from '../store/state-file.ts'

/** Bytes that are copied at once. */
const COPY_BYTES = 1 << 20
/** The suffix of the name of a file while it is copied. */
const PARTIAL_SUFFIX = '.tsdl-part'

/** The paths of the files of a torrent on disk, without padding. */
export function pathsOf({ files }: Metainfo): string[] {
  return files.filter(({ pad }) => !pad).map(({ path }) => path)
}

/** Rejects with ERR_STORAGE if one of these paths exists in a directory. */
export async function mustBeFree(
  fs: EditableFileSystem,
  directory: string,
  paths: readonly string[],
): Promise<void> {
  for (const path of paths) {
    if (!(await exists(fs, join(directory, path)))) continue
    const at = join(directory, path)
    throw new StorageError('ERR_STORAGE', `${at} exists already: nothing was moved (move it away first)`)
  }
}

/** True if two directories are on different devices. The second one is made. Rejects with a StorageError. */
export async function isOnOtherDevice(fs: EditableFileSystem, from: string, to: string): Promise<boolean> {
  try {
    await fs.mkdir(to, { recursive: true })
    const [source, target] = await Promise.all([from, to].map(path => deviceOf(fs, path)))
    return source !== undefined && source !== target
  } catch (error) {
    throw storageError('write', to, error)
  }
}

/**
 * Copies files to another directory. Rejects with a StorageError, or with the reason of the signal: the copies are
 * deleted then.
 */
export async function copyFiles(
  fs: EditableFileSystem,
  from: string,
  to: string,
  paths: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  try {
    for (const path of paths) {
      const [source, target] = [join(from, path), join(to, path)]
      if (!(await exists(fs, source))) continue
      await fs.mkdir(dirname(target), { recursive: true })
      await copyFile(fs, source, target, signal)
      await syncDirectory(fs, dirname(target))
    }
  } catch (error) {
    await deleteFiles(fs, to, paths).catch(() => {})
    throw signal.aborted ? signal.reason : storageError('write', to, error)
  }
}

/**
 * Moves files to another directory by renaming them. Files on another device have been copied: their originals stay. A
 * second call after a crash continues the move. Rejects with a StorageError after it has undone its renames.
 * @returns true if originals were left
 */
export async function moveFiles(
  fs: EditableFileSystem,
  from: string,
  to: string,
  paths: readonly string[],
): Promise<boolean> {
  const moved: string[] = []
  let areLeft = false
  try {
    for (const path of paths) {
      const [source, target] = [join(from, path), join(to, path)]
      if (!(await exists(fs, source))) continue
      if (await exists(fs, target)) areLeft = true
      else {
        await fs.mkdir(dirname(target), { recursive: true })
        await fs.rename(source, target)
        moved.push(path)
        await syncDirectory(fs, dirname(target))
      }
    }
  } catch (error) {
    for (const path of moved.reverse()) await fs.rename(join(to, path), join(from, path)).catch(() => {})
    throw storageError('write', to, error)
  }
  if (!areLeft) await removeEmptyDirectories(fs, from, paths)
  return areLeft
}

/** Deletes files, and the directories that are empty then. Missing files are no failure. Rejects with a StorageError. */
export async function deleteFiles(
  fs: EditableFileSystem,
  directory: string,
  paths: readonly string[],
): Promise<void> {
  const root = await fs.realpath(directory).catch(() => undefined)
  if (root === undefined) return
  for (const path of paths) {
    const at = join(directory, path)
    try {
      const parent = await fs.realpath(dirname(at))
      // a symlink among the directories leads elsewhere
      if (parent !== root && !parent.startsWith(root.endsWith(sep) ? root : root + sep)) continue
      await fs.unlink(at)
    } catch (error) {
      const code = systemCode(error)
      if (code !== 'ENOENT' && code !== 'ENOTDIR') throw storageError('write', at, error)
    }
  }
  await removeEmptyDirectories(fs, directory, paths)
}

/** Renames a path, if it exists and the new one does not. Rejects with a StorageError. */
export async function renameFile(fs: EditableFileSystem, from: string, to: string): Promise<void> {
  try {
    if (!(await exists(fs, from))) return
    if (await exists(fs, to))
      throw new StorageError('ERR_STORAGE', `${to} exists already: nothing was renamed`)
    await fs.rename(from, to)
    await syncDirectory(fs, dirname(to))
  } catch (error) {
    throw storageError('write', to, error)
  }
}

/** Returns the new paths of files when a file or directory of a torrent is renamed, by index. */
export function renamedPaths(metainfo: Metainfo, path: string, name: string): Record<string, string> {
  if (name === '' || name === '.' || name === '..' || /[/\\\0]/.test(name) || Buffer.byteLength(name) > 255)
    throw new InputError('ERR_PATH', `name: expected a name without separators, got ${JSON.stringify(name)}`)
  const to = [...path.split('/').slice(0, -1), name].join('/')
  const taken = new Set(metainfo.files.map(file => file.path))
  const changed: Record<string, string> = {}
  for (const [index, file] of metainfo.files.entries()) {
    if (file.pad || (file.path !== path && !file.path.startsWith(`${path}/`))) continue
    changed[index] = to + file.path.slice(path.length)
    if (to !== path && taken.has(changed[index]))
      throw new InputError('ERR_PATH', `name: the torrent has ${changed[index]} already`)
  }
  if (Object.keys(changed).length > 0) return changed
  throw new InputError('ERR_PATH', `path: the torrent has no ${JSON.stringify(path)}`)
}

async function deviceOf(fs: EditableFileSystem, path: string): Promise<bigint | undefined> {
  const real = await fs.realpath(path).catch(() => undefined)
  return real === undefined ? undefined : (await fs.lstat(real, { bigint: true })).dev
}

/** Copies a file, so that the target is complete or missing after a crash. */
async function copyFile(
  fs: EditableFileSystem,
  source: string,
  target: string,
  signal: AbortSignal,
): Promise<void> {
  const { O_CREAT, O_RDONLY, O_RDWR } = fs.constants
  const from = await fs.open(source, O_RDONLY)
  try {
    await fs.unlink(target + PARTIAL_SUFFIX).catch(() => {})
    const { mode } = await from.stat()
    const to = await fs.open(target + PARTIAL_SUFFIX, O_RDWR | O_CREAT, mode & 0o777)
    try {
      await copyBytes(from, to, signal)
      await to.sync()
    } finally {
      await to.close()
    }
    await fs.rename(target + PARTIAL_SUFFIX, target)
  } catch (error) {
    await fs.unlink(target + PARTIAL_SUFFIX).catch(() => {})
    throw error
  } finally {
    await from.close()
  }
}

async function copyBytes(from: FileHandle, to: FileHandle, signal: AbortSignal): Promise<void> {
  const buffer = Buffer.allocUnsafe(COPY_BYTES)
  for (let position = 0; ; ) {
    signal.throwIfAborted()
    const { bytesRead } = await from.read(buffer, 0, buffer.length, position)
    if (bytesRead === 0) return
    for (let done = 0; done < bytesRead; ) {
      const { bytesWritten } = await to.write(buffer, done, bytesRead - done, position + done)
      if (bytesWritten === 0) throw new Error('the system took none of the bytes')
      done += bytesWritten
    }
    position += bytesRead
  }
}

/** Removes the directories of these paths that are empty, but not `root`. */
async function removeEmptyDirectories(
  fs: EditableFileSystem,
  root: string,
  paths: readonly string[],
): Promise<void> {
  const directories = new Set<string>()
  for (const path of paths) {
    const names = path.split('/').slice(0, -1)
    for (; names.length > 0; names.pop()) directories.add(resolve(root, ...names))
  }
  // the deepest first
  for (const directory of [...directories].sort((a, b) => b.length - a.length))
    await fs.rmdir(directory).catch(() => {})
}

/** True if there is anything at a path. Rejects with a system error for a path that cannot be read. */
async function exists(fs: EditableFileSystem, path: string): Promise<boolean> {
  try {
    await fs.lstat(path)
    return true
  } catch (error) {
    const code = systemCode(error)
    if (code === 'ENOENT' || code === 'ENOTDIR') return false
    throw error
  }
}
