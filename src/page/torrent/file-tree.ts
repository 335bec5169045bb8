import type { FileRow, FilesDocument } from '../../server/page/torrent-documents.ts'

/** A file of the tree, with its index in the .torrent. */
export interface FileNode extends FileRow {
  readonly index: number
  readonly name: string
}

/** A directory, with the sums of what is in it. */
export interface DirectoryNode {
  readonly name: string
  /** From the directory of the torrent, with `/`; '' for the root. */
  readonly path: string
  readonly directories: readonly DirectoryNode[]
  readonly files: readonly FileNode[]
  readonly length: number
  readonly have: number
  /** The indices of all files in it, and those of them that are wanted. */
  readonly indices: readonly number[]
  readonly wanted: readonly number[]
  /** True if each file can be opened although it is not selected. */
  readonly isStored: boolean
}

interface DirectoryDraft {
  readonly name: string
  readonly path: string
  readonly directories: Map<string, DirectoryDraft>
  readonly files: FileNode[]
}

/** Arranges files by their paths, in the order of the torrent. */
export function fileTreeOf(files: FilesDocument['files']): DirectoryNode {
  const root = growing('', '')
  for (const [index, file] of Object.entries(files)) {
    const names = file.path.split('/')
    let directory = root
    for (const name of names.slice(0, -1)) {
      const known = directory.directories.get(name)
      const path = directory.path === '' ? name : `${directory.path}/${name}`
      const next = known ?? growing(name, path)
      if (!known) directory.directories.set(name, next)
      directory = next
    }
    directory.files.push({ ...file, index: Number(index), name: names.at(-1)! })
  }
  return sumUp(root)
}

function growing(name: string, path: string): DirectoryDraft {
  return { name, path, directories: new Map(), files: [] }
}

function sumUp({ directories: growingDirectories, files, name, path }: DirectoryDraft): DirectoryNode {
  const directories = [...growingDirectories.values()].map(sumUp)
  const sum = (key: 'have' | 'length') =>
    [...directories, ...files].reduce((total, node) => total + node[key], 0)
  const wantedFiles = files.filter(({ priority }) => priority !== 'off')
  return {
    ...{ name, path, directories, files, length: sum('length'), have: sum('have') },
    indices: [...directories.flatMap(({ indices }) => indices), ...files.map(({ index }) => index)],
    isStored: [...directories, ...files].every(({ isStored }) => isStored === true),
    wanted: [...directories.flatMap(({ wanted }) => wanted), ...wantedFiles.map(({ index }) => index)],
  }
}
