/** Reads the `info` dictionary of a torrent (BEP 3). */
import { bytes } from '../codec/bencode.ts'
import { locate, type Steps } from '../codec/bencode-scan.ts'
import { BencodeView } from '../codec/bencode-view.ts'
import { InputError } from '../errors.ts'
import { Fields } from './fields.ts'
import { readFiles, readSingle } from './files.ts'
import type { Metainfo } from './metainfo.ts'
import { safePath } from './paths.ts'
import type { Reading } from './reading.ts'

/** Maximum length of a piece in bytes, as in libtorrent. A piece is held in memory until its hash is verified. */
export const MAX_PIECE_LENGTH = 512 * 1024 * 1024

const INFO_KEYS = new Set([
  'attr',
  'files',
  'length',
  'md5sum',
  'meta version',
  'name',
  'name.utf-8',
  'piece length',
  'pieces',
  'private',
])

type Content =
  | 'name'
  | 'spelledName'
  | 'length'
  | 'pieceLength'
  | 'pieceCount'
  | 'hashes'
  | 'files'
  | 'multiFile'
  | 'private'

/** Reads `info`. @param raw the validated bytes of `info`, without repeated keys; hashes and names in the result are views into it */
export function* readInfo(raw: Buffer, infoHash: Buffer, reading: Reading): Steps<Pick<Metainfo, Content>> {
  const { warn } = reading
  const spans = yield* locate(raw, 0, INFO_KEYS)
  const view = new BencodeView(raw, spans)
  const info: Fields = new Fields(view, 'info', warn)
  if (info.get('pieces') === undefined && info.get('meta version') === 2) {
    throw new InputError(
      'ERR_METAINFO',
      'info.meta version: 2 without pieces: v2-only torrents are not supported yet',
    )
  }
  const pieceLength = info.needInteger('piece length', 'a positive integer', 1, Number.MAX_SAFE_INTEGER)
  if (pieceLength > MAX_PIECE_LENGTH) info.fail('piece length', `at most ${MAX_PIECE_LENGTH}`)
  const { name, ...spelledName } = readName(info, infoHash, reading)
  const multiFile = spans.has('files')
  if (multiFile && spans.has('length')) warn('info: has both files and length, length is ignored')
  const list = { info, view, root: name }
  const files = multiFile ? yield* readFiles(list, reading) : readSingle(info, name)
  const last = files.at(-1)!
  const length = last.offset + last.length
  if (length > Number.MAX_SAFE_INTEGER) info.fail('files', 'less than 2^53 bytes in total')
  const hashes = info.needBytes('pieces')
  const pieceCount = Math.ceil(length / pieceLength)
  if (hashes.length !== pieceCount * 20) {
    const expected = `${pieceCount} hashes of 20 bytes for ${length} bytes in pieces of ${pieceLength}`
    throw new InputError('ERR_METAINFO', `info.pieces: expected ${expected}, got ${hashes.length} bytes`)
  }
  const isPrivate = (info.integer('private') ?? 0) !== 0
  return {
    name,
    ...spelledName,
    length,
    pieceLength,
    pieceCount,
    hashes,
    files,
    multiFile,
    private: isPrivate,
  }
}

function readName(
  info: Fields,
  infoHash: Buffer,
  { portable, warn }: Reading,
): Pick<Metainfo, 'name' | 'spelledName'> {
  const key = bytes(info.get('name.utf-8'))?.length ? 'name.utf-8' : 'name'
  const spelledName = info.needBytes(key)
  if (spelledName.length > 0) {
    const name = safePath({ where: info.name(key), names: [spelledName] }, warn, portable)
    return Buffer.from(name).equals(spelledName) ? { name } : { name, spelledName }
  }
  warn(`${info.name(key)}: empty, the info-hash is used as the name`)
  return { name: infoHash.toString('hex') }
}
