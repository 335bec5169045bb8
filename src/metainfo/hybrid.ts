/** Compares the two lists of files in a hybrid torrent (BEP 52, "Upgrade Path"). */

import { quote } from '../codec/quote.ts'
import type { Steps } from '../codec/steps.ts'
import { InputError } from '../errors.ts'
import type { TreeFile } from './file-tree.ts'
import type { FileEntry, Metainfo } from './metainfo.ts'
import { rawNames } from './spellings.ts'

/** Files between two yields. */
const FILES_PER_STEP = 128

type V1FileList = Pick<Metainfo, 'files' | 'length' | 'multiFile' | 'name' | 'pieceLength' | 'spelledName'>

/**
 * Returns the roots of the files of the v1 list, if the tree describes the same content at the same places.
 * @throws InputError ERR_METAINFO with the first difference
 */
export function* joinTree(list: V1FileList, tree: readonly TreeFile[]): Steps<Map<FileEntry, Buffer>> {
  const { files, length, pieceLength } = list
  const roots = new Map<FileEntry, Buffer>()
  let next = 0
  /** The first piece that no file has so far. */
  let piece = 0
  for (const [index, file] of files.entries()) {
    if (index % FILES_PER_STEP === 0) yield
    if (file.pad) continue
    const twin = tree[next++]
    const names = namesOf(list, file)
    if (!twin || !areNamesEqual(twin.names, names)) {
      differ(`${quoted(names)} is ${twin ? quoted(twin.names) : 'missing'} in the tree`)
    }
    if (twin.length !== file.length) {
      differ(`${quoted(names)} has ${file.length} bytes, and ${twin.length} in the tree`)
    }
    if (!twin.root) continue
    if (file.offset !== piece * pieceLength) differ(`${quoted(names)} does not begin with piece ${piece}`)
    piece += Math.ceil(file.length / pieceLength)
    roots.set(file, twin.root)
  }
  if (next < tree.length) differ(`${quoted(tree[next]!.names)} is in the tree only`)
  if (piece !== Math.ceil(length / pieceLength)) differ('there is padding of whole pieces')
  return roots
}

/** The names of a file as the tree has them: without the torrent's name, if there are several files. */
function namesOf(list: V1FileList, file: FileEntry): readonly Uint8Array[] {
  const names = rawNames(list, file)
  return list.multiFile ? names.slice(1) : names
}

function areNamesEqual(some: readonly Uint8Array[], others: readonly Uint8Array[]): boolean {
  return some.length === others.length && some.every((name, at) => Buffer.from(name).equals(others[at]!))
}

function quoted(names: readonly Uint8Array[]): string {
  return quote(names.map(name => Buffer.from(name).toString('utf8')).join('/'))
}

function differ(how: string): never {
  throw new InputError('ERR_METAINFO', `info.file tree: differs from the v1 list of files: ${how}`)
}
