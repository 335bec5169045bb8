/** Reads the `info` dictionary of a torrent (BEP 3, BEP 52). */
import { asBytes } from '../codec/bencode.ts'
import type { ByteSpan } from '../codec/bencode-grammar.ts'
import { locateValues } from '../codec/bencode-scan.ts'
import { BencodeView } from '../codec/bencode-view.ts'
import type { Steps } from '../codec/steps.ts'
import { InputError } from '../errors.ts'
import { Fields } from './fields.ts'
import type { TreePlace } from './file-tree.ts'
import { readFiles, readSingle } from './files.ts'
import { hashInSteps } from './hash-in-steps.ts'
import { joinTree } from './hybrid.ts'
import type { FileEntry, Metainfo } from './metainfo.ts'
import { safePath } from './paths.ts'
import { findPieceNodes, isTreePieceLength, type PieceLayers } from './piece-layers.ts'
import type { Reading } from './reading.ts'
import { placeTreeFiles, readTreeFiles } from './tree-files.ts'

/** Maximum length of a piece in bytes, as in libtorrent. A piece is held in memory until its hash is verified. */
export const MAX_PIECE_LENGTH = 512 * 1024 * 1024
/** Maximum number of pieces of a v2 torrent, which may have fewer hashes than pieces. */
const MAX_PIECES = 5_000_000

const INFO_KEYS = new Set([
  'attr',
  'file tree',
  'files',
  'length',
  'md5sum',
  'meta version',
  'name',
  'name.utf-8',
  'piece length',
  'pieces',
  'private',
  'source',
])

type ContentField =
  | 'format'
  | 'infoHash'
  | 'infoHashV2'
  | 'name'
  | 'spelledName'
  | 'length'
  | 'pieceLength'
  | 'pieceCount'
  | 'hashes'
  | 'pieceNodes'
  | 'files'
  | 'multiFile'
  | 'private'
  | 'source'

/** The raw bytes of `info` and its hashes. */
export interface RawInfo {
  /** The validated bytes, without repeated keys. Hashes and names in the result are views into it. */
  readonly info: Buffer
  /** The SHA-1 hash, 20 bytes. */
  readonly infoHash: Buffer
  /** `piece layers`, if the torrent has them. */
  readonly layers: () => Steps<PieceLayers>
}

/** Reads `info`. */
export function* readInfo(raw: RawInfo, reading: Reading): Steps<Pick<Metainfo, ContentField>> {
  const spans = yield* locateValues(raw.info, 0, INFO_KEYS)
  const view = new BencodeView(raw.info, spans)
  const info: Fields = new Fields(view, 'info', reading.warn)
  const list = { info, view, spans }
  const hasList = spans.has('pieces')
  const version = readVersion(info, hasList)
  const pieceLength = info.needInteger('piece length', 'a positive integer', 1, Number.MAX_SAFE_INTEGER)
  if (pieceLength > MAX_PIECE_LENGTH) info.fail('piece length', `at most ${MAX_PIECE_LENGTH}`)
  const isPrivate = (info.integer('private') ?? 0) !== 0
  const source = info.text('source')
  const common = { pieceLength, private: isPrivate, ...(source === undefined ? {} : { source }) }
  if (version === 2 && !hasList) return { ...common, ...(yield* readV2(raw, list, pieceLength, reading)) }
  const content = yield* readV1(raw.infoHash, list, pieceLength, reading)
  const upgrade = version === 2 ? yield* readUpgrade(raw, list, { ...content, pieceLength }, reading) : {}
  return { format: 'v1', ...common, ...content, ...upgrade }
}

/** Returns `meta version`: 2 if the torrent has a file tree that we can read, and 1 for any other torrent with `pieces`. */
function readVersion(info: Fields, hasList: boolean): 1 | 2 {
  const version = info.integer('meta version') ?? 1
  if (version === 2) return 2
  if (version <= 1) return 1
  // Its file tree may have another meaning, so nothing else of it is checked.
  if (!hasList) info.fail('meta version', 'at most 2: the torrent is for a newer client')
  return 1
}

interface InfoPlace extends TreePlace {
  readonly spans: ReadonlyMap<string, ByteSpan>
}

/** Reads the fields of BEP 3. */
function* readV1(infoHash: Buffer, place: InfoPlace, pieceLength: number, reading: Reading) {
  const { info, spans } = place
  const { name, ...spelledName } = readName(info, infoHash, reading)
  const multiFile = spans.has('files')
  if (multiFile && spans.has('length')) reading.warn('info: has both files and length, length is ignored')
  const files = multiFile ? yield* readFiles({ ...place, root: name }, reading) : readSingle(info, name)
  const length = lengthOf(info, files)
  const hashes = info.needBytes('pieces')
  const pieceCount = Math.ceil(length / pieceLength)
  if (hashes.length !== pieceCount * 20) {
    const expected = `${pieceCount} hashes of 20 bytes for ${length} bytes in pieces of ${pieceLength}`
    throw new InputError('ERR_METAINFO', `info.pieces: expected ${expected}, got ${hashes.length} bytes`)
  }
  return { infoHash, name, ...spelledName, length, pieceCount, hashes, files, multiFile }
}

/** Reads the fields of BEP 52 of a torrent without those of BEP 3. */
function* readV2(
  raw: RawInfo,
  place: InfoPlace,
  pieceLength: number,
  reading: Reading,
): Steps<Omit<Pick<Metainfo, ContentField>, 'private'>> {
  const { info } = place
  checkPieceLength(info, pieceLength)
  const infoHashV2 = yield* hashInSteps('sha256', raw.info)
  const infoHash = infoHashV2.subarray(0, 20)
  const tree = yield* readTreeFiles(place, reading)
  const named = yield* placeTreeFiles(tree, readName(info, infoHashV2, reading), pieceLength, reading)
  const length = lengthOf(info, named.files)
  const pieceCount = Math.ceil(length / pieceLength)
  if (pieceCount > MAX_PIECES) info.fail('piece length', `at most ${MAX_PIECES} pieces`, `${pieceCount}`)
  const content = { ...named, length, pieceCount, pieceLength }
  const pieceNodes = yield* findPieceNodes(content, rootsOf(named.files), yield* raw.layers())
  return {
    ...content,
    ...{ format: 'v2', infoHash, infoHashV2, hashes: Buffer.alloc(0) },
    ...(pieceNodes ? { pieceNodes } : {}),
  }
}

type ListedFiles = Pick<Metainfo, 'files' | 'length' | 'multiFile' | 'name' | 'pieceCount' | 'pieceLength'>

/** Reads the fields of BEP 52 of a torrent with those of BEP 3. If they are invalid, the torrent is read as v1. */
function* readUpgrade(
  raw: RawInfo,
  place: InfoPlace,
  list: ListedFiles,
  reading: Reading,
): Steps<Partial<Pick<Metainfo, 'format' | 'infoHashV2' | 'pieceNodes'>>> {
  try {
    checkPieceLength(place.info, list.pieceLength)
    const tree = yield* readTreeFiles(place, reading)
    const layers = yield* raw.layers()
    const roots = yield* joinTree(list, tree)
    const pieceNodes = yield* findPieceNodes(list, roots, layers)
    for (const [file, piecesRoot] of roots) Object.assign(file, { piecesRoot })
    return {
      ...{ format: 'hybrid', infoHashV2: yield* hashInSteps('sha256', raw.info) },
      ...(pieceNodes ? { pieceNodes } : {}),
    }
  } catch (error) {
    if (!(error instanceof InputError)) throw error
    reading.warn(`${error.message}; the torrent is used as v1`)
    return {}
  }
}

/** Yields each file with a root. A list of them would take long to make. */
function* rootsOf(files: readonly FileEntry[]): Generator<readonly [FileEntry, Buffer]> {
  for (const file of files) if (file.piecesRoot) yield [file, file.piecesRoot]
}

function checkPieceLength(info: Fields, pieceLength: number): void {
  if (!isTreePieceLength(pieceLength)) info.fail('piece length', 'a power of two of at least 16384')
}

function lengthOf(info: Fields, files: readonly FileEntry[]): number {
  const last = files.at(-1)!
  const length = last.offset + last.length
  if (length > Number.MAX_SAFE_INTEGER) info.fail('files', 'less than 2^53 bytes in total')
  return length
}

function readName(
  info: Fields,
  infoHash: Buffer,
  { portable, warn }: Reading,
): Pick<Metainfo, 'name' | 'spelledName'> {
  const key = asBytes(info.get('name.utf-8'))?.length ? 'name.utf-8' : 'name'
  const spelledName = info.needBytes(key)
  if (spelledName.length > 0) {
    const name = safePath({ where: info.name(key), names: [spelledName] }, warn, portable)
    return Buffer.from(name).equals(spelledName) ? { name } : { name, spelledName }
  }
  warn(`${info.name(key)}: empty, the info-hash is used as the name`)
  return { name: infoHash.toString('hex') }
}
