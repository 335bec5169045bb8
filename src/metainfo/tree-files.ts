/** The files of a v2 torrent, each at the start of a piece (BEP 52). */
import type { Steps } from '../codec/steps.ts'
import { FileTree, type TreeFile, type TreePlace } from './file-tree.ts'
import { MAX_FILES } from './files.ts'
import type { FileEntry, Metainfo, NamedFiles } from './metainfo.ts'
import { placePaths, type RawPath, safePath } from './paths.ts'
import type { Reading } from './reading.ts'

/** Files between two yields. */
const FILES_PER_STEP = 128
/** Paths of a tree may take this many times the length of `info`, since the names of directories stand in it once. */
const MAX_PATH_RATIO = 8
/** Bytes of paths that any tree may have. */
const MIN_PATH_BYTES = 1 << 20

/** Reads all files of a tree. Throws ERR_METAINFO for too many of them, or for too long paths in total. */
export function* readTreeFiles(place: TreePlace, reading: Reading): Steps<TreeFile[]> {
  const { info, view } = place
  const { advice, maxFiles } = reading.limits
  const fileLimit = Math.min(maxFiles, MAX_FILES)
  const mostBytes = Math.max(MIN_PATH_BYTES, MAX_PATH_RATIO * view.bytes.length)
  const tree = new FileTree(place, reading)
  const files: TreeFile[] = []
  let bytes = 0
  for (;;) {
    const file = yield* tree.next()
    if (!file) break
    files.push(file)
    bytes += file.names.reduce((sum, name) => sum + name.length + 1, 0)
    if (files.length > fileLimit) info.fail('file tree', `at most ${fileLimit} files${advice}`, 'more')
    if (bytes > mostBytes) info.fail('file tree', `at most ${mostBytes} bytes of paths`, 'more')
  }
  if (files.length === 0) info.fail('file tree', 'at least one file', 'none')
  return files
}

/**
 * Gives the files of a tree their paths and their places. Every file that is not empty begins with a piece. Padding fills the
 * gap before it, as in the list of a hybrid torrent.
 * @param named the name of the torrent. A torrent of one file has the name of the file.
 */
export function* placeTreeFiles(
  tree: readonly TreeFile[],
  named: Pick<Metainfo, 'name' | 'spelledName'>,
  pieceLength: number,
  reading: Reading,
): Steps<NamedFiles> {
  const multiFile = tree.length > 1 || tree[0]!.names.length > 1
  const root = multiFile ? { root: named.name } : {}
  const where = 'info.file tree'
  const raw: RawPath[] = []
  for (const [index, { names }] of tree.entries()) {
    if (index % FILES_PER_STEP === 0) yield
    raw.push({ where, names, ...root })
  }
  const paths = yield* placePaths(raw, reading.warn, reading.portable)
  const files: FileEntry[] = []
  let offset = 0
  for (const [index, file] of tree.entries()) {
    if (index % FILES_PER_STEP === 0) yield
    const { executable, hidden, length, root: piecesRoot, names, target } = file
    const gap = length === 0 ? 0 : (pieceLength - (offset % pieceLength)) % pieceLength
    if (gap > 0) files.push(paddingOf(named.name, offset, gap))
    offset += gap
    const path = paths[index]!
    const own = root.root === undefined ? path : path.slice(root.root.length + 1)
    files.push({
      ...{ path, length, offset, pad: false, executable, hidden },
      ...(piecesRoot ? { piecesRoot } : {}),
      ...(target
        ? { symlink: safePath({ where, names: target, ...root }, reading.warn, reading.portable) }
        : {}),
      ...(multiFile && !isSpelled(names, own) ? { spelled: names } : {}),
    })
    offset += length
  }
  if (multiFile) return { files, multiFile, ...named }
  const [spelledName] = tree[0]!.names
  const name = paths[0]!
  return { files, multiFile, name, ...(isSpelled([spelledName!], name) ? {} : { spelledName: spelledName! }) }
}

function paddingOf(root: string, offset: number, length: number): FileEntry {
  return { path: `${root}/.pad/${length}`, length, offset, pad: true, executable: false, hidden: false }
}

/** Returns true if a path equals the original names byte for byte. */
function isSpelled(names: readonly Uint8Array[], path: string): boolean {
  return Buffer.from(path).equals(
    Buffer.concat(names.flatMap((name, at) => (at === 0 ? [name] : [SLASH_BYTES, name]))),
  )
}

const SLASH_BYTES = Buffer.from('/')
