/**
 * File names as text, for names of any bytes. Linux accepts every byte in a name but 0 and `/`. Bytes that are not
 * valid UTF-8 become lone surrogates, U+DC80 to U+DCFF, as in PEP 383. UTF-8 text never contains these.
 */
import { isUtf8 } from 'node:buffer'

const LONE_SURROGATE = /[\udc80-\udcff]/u

/** Decodes the bytes of a name. `bytesOfName` reverses it. */
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

/** Encodes a name or path as UTF-8, and lone surrogates from `nameOfBytes` as the original bytes. */
export function bytesOfName(name: string): Buffer {
  if (!LONE_SURROGATE.test(name)) return Buffer.from(name)
  const parts = Array.from(name, character => {
    const code = character.codePointAt(0)!
    return code >= 0xdc80 && code <= 0xdcff ? Buffer.of(code & 0xff) : Buffer.from(character)
  })
  return Buffer.concat(parts)
}

/** Returns a path in the form that `node:fs` needs: a string, or a Buffer if it is not valid UTF-8. */
export function systemPath(path: string): string | Buffer {
  return LONE_SURROGATE.test(path) ? bytesOfName(path) : path
}

/** Returns `systemPath` for the paths that are in a text. Most texts have none that needs a Buffer. */
export function systemPathsOf(text: string): (path: string) => string | Buffer {
  return LONE_SURROGATE.test(text) ? systemPath : path => path
}
