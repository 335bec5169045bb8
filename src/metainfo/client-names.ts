/** The file names that other clients write for names with characters that they replace. Measured on Linux. */
import { isUtf8 } from 'node:buffer'
import { nameOfBytes } from '../codec/byte-names.ts'

/** Converts a name in the torrent to a file name. */
export type Spelling = (name: Uint8Array) => string

/** Keeps the bytes unchanged, including `/`: the name that `create` read from the disk. */
export const exactName: Spelling = nameOfBytes

/**
 * aria2 1.36 keeps separators and writes control characters as `%XX`. In a name that is not valid UTF-8 it also writes
 * every non-ASCII byte as `%XX`.
 */
export const aria2Name: Spelling = name => {
  const valid = isUtf8(name)
  if (valid)
    return nameOfBytes(name).replace(/[\p{Cc}]/gu, it => (it < '\x80' ? escapeByte(it.charCodeAt(0)) : it))
  return Array.from(name, byte =>
    byte < 0x20 || byte >= 0x7f ? escapeByte(byte) : String.fromCharCode(byte),
  ).join('')
}

/**
 * libtorrent 2 removes separators and direction marks. It replaces a control character and an invalid UTF-8 sequence by
 * `_`.
 */
export const libtorrentName: Spelling = name => {
  const text = decodeLoosely(name).replace(/[\0/\\\u200e\u200f\u202a-\u202e]/g, '')
  return text.replace(/[\p{Cc}]/gu, it => (it < ' ' ? '_' : it)) || '_'
}

/**
 * transmission 3 makes names valid for Windows on every system. It appends `_` to a reserved name. It reads a name that
 * is not valid UTF-8 as latin1.
 */
export const transmissionName: Spelling = name =>
  Buffer.from(name)
    .toString(isUtf8(name) ? 'utf8' : 'latin1')
    .replace(/[<>:"/\\|?*\p{Cc}]/gu, it => (it >= '\x7f' && it <= '\x9f' ? it : '_'))
    .replace(/^ +|[. ]+$/g, '')
    .replace(/^(con|prn|aux|nul|com[1-9]|lpt[1-9])(?=\.|$)/i, '$1_')

function escapeByte(byte: number): string {
  return `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
}

/** Decodes UTF-8 as libtorrent does: an invalid sequence, as long as its first byte says, becomes one `_`. */
function decodeLoosely(bytes: Uint8Array): string {
  if (isUtf8(bytes)) return Buffer.from(bytes).toString('utf8')
  let text = ''
  for (let at = 0; at < bytes.length; ) {
    const first = bytes[at]!
    const length = first < 0xc0 || first > 0xf7 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4
    const sequence = bytes.subarray(at, at + length)
    text += isUtf8(sequence) ? Buffer.from(sequence).toString('utf8') : '_'
    at += length
  }
  return text
}
