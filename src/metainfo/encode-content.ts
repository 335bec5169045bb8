/** Encodes the files of a new torrent: `file tree` (BEP 52), and `files` or `length` (BEP 3). */
import { encode } from '../codec/bencode.ts'
import { bytesOfName } from '../codec/byte-names.ts'
import type { Steps } from '../codec/steps.ts'
import type { ContentPlan, PlannedFile } from './content-plan.ts'
import { attributesOf, nameBytes } from './source-file.ts'

/** Number of files to encode between two yields. */
const FILES_PER_STEP = 512

/**
 * Encodes the entries of `info` for the content. Their keys sort before all others.
 * @param rootOf returns the root of a file that is not empty; called for v2 and hybrid torrents only
 */
export function* encodeContent(
  plan: ContentPlan,
  name: string,
  rootOf: (file: PlannedFile) => Uint8Array,
): Steps<Buffer> {
  const { files, format } = plan
  const isSingle = files.length === 1 && files[0]!.source.path.length === 0
  const parts: Buffer[] = []
  const attributes = isSingle && format !== 'v2' ? attributesOf(files[0]!.source) : ''
  if (attributes !== '') parts.push(encode({ attr: attributes }).subarray(1, -1))
  if (format !== 'v1') parts.push(Buffer.from('9:file tree'), yield* encodeTree(plan, name, rootOf))
  if (format !== 'v2') {
    parts.push(
      isSingle ? encode({ length: files[0]!.source.length }).subarray(1, -1) : yield* encodeList(files),
    )
  }
  return Buffer.concat(parts)
}

/** Writes text instead of encoding values, since there may be half a million files. Each byte is a character. */
function* encodeList(files: readonly PlannedFile[]): Steps<Buffer> {
  const parts: Buffer[] = [Buffer.from('5:filesl')]
  for (let at = 0; at < files.length; at += FILES_PER_STEP) {
    const step = files.slice(at, at + FILES_PER_STEP)
    // Names are checked together, because most torrents have only ASCII names.
    const plain = encodeFiles(step, encodePlainName)
    parts.push(Buffer.from(ASCII_TEXT.test(plain) ? plain : encodeFiles(step, encodeName), 'latin1'))
    yield
  }
  return Buffer.concat([...parts, Buffer.from('e')])
}

type SourceName = string | Uint8Array

function encodeFiles(files: readonly PlannedFile[], encodeName: (name: SourceName) => string): string {
  const encodeNames = (names: readonly SourceName[]) => {
    let text = ''
    for (const name of names) text += encodeName(name)
    return text
  }
  let text = ''
  for (const { source, padding } of files) {
    const attributes = attributesOf(source)
    text += attributes === '' ? 'd' : `d4:attr${attributes.length}:${attributes}`
    text += `6:lengthi${source.length}e4:pathl${encodeNames(source.path)}e`
    if (source.symlink) text += `12:symlink pathl${encodeNames(source.symlink)}e`
    text += 'e'
    if (padding > 0)
      text += `d4:attr1:p6:lengthi${padding}e4:pathl${encodeNames(['.pad', String(padding)])}ee`
  }
  return text
}

/** Encodes a name that is ASCII. The text of any other name is not ASCII either, and is encoded again. */
function encodePlainName(name: SourceName): string {
  return typeof name === 'string' ? `${name.length}:${name}` : encodeName(name)
}

const ASCII_TEXT = /^[\0-\x7f]*$/

function encodeName(name: SourceName): string {
  if (typeof name === 'string' && ASCII_TEXT.test(name)) return `${name.length}:${name}`
  const bytes = typeof name === 'string' ? bytesOfName(name) : name
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
  return `${text.length}:${text}`
}

const DICT_START = Buffer.from('d')
const DICT_END = Buffer.from('e')

/** Encodes the tree of files that are in its order. */
function* encodeTree(
  { files }: ContentPlan,
  name: string,
  rootOf: (file: PlannedFile) => Uint8Array,
): Steps<Buffer> {
  const parts: Buffer[] = [DICT_START]
  let open: readonly Buffer[] = []
  for (const [index, file] of files.entries()) {
    if (index % FILES_PER_STEP === 0) yield
    const { length, path, symlink } = file.source
    const attr = attributesOf(file.source) || undefined
    const names = (path.length === 0 ? [name] : path).map(nameBytes)
    const directories = names.slice(0, -1)
    let common = 0
    while (common < open.length && directories[common]?.equals(open[common]!)) common++
    for (let depth = open.length; depth > common; depth--) parts.push(DICT_END)
    for (const directory of directories.slice(common)) parts.push(encode(directory), DICT_START)
    open = directories
    const root = length > 0 ? { 'pieces root': rootOf(file) } : {}
    const properties = symlink ? { attr, 'symlink path': symlink.map(nameBytes) } : { attr, length, ...root }
    parts.push(encode(names.at(-1)!), encode({ '': properties }))
  }
  for (let depth = open.length; depth > 0; depth--) parts.push(DICT_END)
  return Buffer.concat([...parts, DICT_END])
}
