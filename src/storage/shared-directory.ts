import type { FileSystem } from '../ports/file-system.ts'
import { SafeDirectory } from './safe-directory.ts'

const directories = new WeakMap<FileSystem, Map<string, WeakRef<SafeDirectory>>>()
/** Forgets the directories that no storage uses any more. */
const unused = new FinalizationRegistry<() => void>(forget => forget())

/** Returns the directory at a path, which the storages of many torrents share. Directories that it has open are opened again. */
export function sharedDirectory(path: string, fs: FileSystem): SafeDirectory {
  const ofSystem = directories.get(fs) ?? new Map<string, WeakRef<SafeDirectory>>()
  directories.set(fs, ofSystem)
  const known = ofSystem.get(path)?.deref()
  if (known) {
    void known.forget() // another directory may be at the path since
    return known
  }
  const directory = new SafeDirectory(path, fs)
  const ref = new WeakRef(directory)
  ofSystem.set(path, ref)
  unused.register(directory, () => {
    if (ofSystem.get(path) === ref) ofSystem.delete(path)
  })
  return directory
}
