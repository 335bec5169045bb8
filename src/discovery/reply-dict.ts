import { asBytes, asDict, asInteger, type BencodeDict, decode } from '../codec/bencode.ts'
import { InputError } from '../errors.ts'
import { printable } from './printable.ts'

/** Decodes the dictionary in an HTTP tracker's reply. Throws InputError ERR_BENCODE. */
export function readDict(body: Uint8Array): BencodeDict {
  if (body.length === 0) throw new InputError('ERR_BENCODE', 'the reply is empty')
  // Some trackers append a newline.
  const options = { maxDepth: 16, maxItems: 100_000, allowTrailing: true, repeatedKeys: 'first' } as const
  let value: unknown
  try {
    value = decode(body, options)
  } catch (error) {
    const clamped = clampIntegers(body)
    if (!clamped) throw error
    value = decode(clamped, options)
  }
  const dict = asDict(value as BencodeDict)
  if (!dict) throw new InputError('ERR_BENCODE', 'the reply is not a dictionary')
  return dict
}

/** Returns the printable text at a key, or undefined if there is none. */
export function textAt(dict: BencodeDict, key: string): string | undefined {
  const value = Object.hasOwn(dict, key) ? asBytes(dict[key]) : undefined
  return value && printable(value)
}

/** Returns the count at a key, or undefined if it is missing or negative. */
export function countAt(dict: BencodeDict, key: string): number | undefined {
  const value = asInteger(dict[key])
  return value !== undefined && value >= 0 ? value : undefined
}

/** Clamps numbers beyond 2^53 at known keys, so that the body can be decoded. Returns undefined if there are none. */
function clampIntegers(body: Uint8Array): Buffer | undefined {
  const text = Buffer.from(body).toString('latin1')
  const clamped = text.replace(
    /(8:interval|12:min interval|8:complete|10:incomplete|10:downloaded)i(-?)[1-9]\d{15,}e/g,
    '$1i$2999999999e',
  )
  return clamped === text ? undefined : Buffer.from(clamped, 'latin1')
}
