/**
 * Names of files as text, whatever bytes they are. Linux takes any bytes but 0 and `/`; those that are not UTF-8 become
 * lone surrogates, U+DC80 to U+DCFF (as in PEP 383), which no UTF-8 text contains.
 */
import { isUtf8 } from 'node:buffer'

const LONE_SURROGATE = /[\udc80-\udcff]/u

/** The text for these bytes; `bytesOfName` gives them back. */
export function nameOfBytes(bytes: Uint8Array): string {
  const name = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  if (isUtf8(name)) return name.toString('utf8')
  let text = ''
  for (let at = 0; at < name.length; ) {
    const byte = name[at]!
    const length = byte < 0x80 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4
    const character = name.subarray(at, at + length)
    const valid = character.length === length && isUtf8(character)
    text += valid ? character.toString('utf8') : String.fromCharCode(0xdc00 + byte)
    at += valid ? length : 1
  }
  return text
}

/** The bytes of a name or path: UTF-8, but for what `nameOfBytes` could not decode. */
export function bytesOfName(name: string): Buffer {
  if (!LONE_SURROGATE.test(name)) return Buffer.from(name)
  const parts = Array.from(name, character => {
    const code = character.codePointAt(0)!
    return code >= 0xdc80 && code <= 0xdcff ? Buffer.of(code & 0xff) : Buffer.from(character)
  })
  return Buffer.concat(parts)
}

/** A path as the functions of `node:fs` take it: text where it is text. */
export function systemPath(path: string): string | Buffer {
  return LONE_SURROGATE.test(path) ? bytesOfName(path) : path
}
