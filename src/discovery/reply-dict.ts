import { asDict, type BencodeDict, bytes, decode, integer } from '../codec/bencode.ts'
import { InputError } from '../errors.ts'
import { printable } from './printable.ts'

/** The dictionary that a tracker's reply over HTTP is. Throws InputError ERR_BENCODE. */
export function readDict(body: Uint8Array): BencodeDict {
  if (body.length === 0) throw new InputError('ERR_BENCODE', 'the reply is empty')
  // What follows the dictionary is let pass: some trackers end with a newline.
  const options = { maxDepth: 16, maxItems: 100_000, allowTrailing: true, repeatedKeys: 'first' } as const
  let value: unknown
  try {
    value = decode(body, options)
  } catch (error) {
    const tamed = tameIntegers(body)
    if (!tamed) throw error
    value = decode(tamed, options)
  }
  const dict = asDict(value as BencodeDict)
  if (!dict) throw new InputError('ERR_BENCODE', 'the reply is not a dictionary')
  return dict
}

/** The text at a key, fit to be shown; undefined where there is none. */
export function message(dict: BencodeDict, key: string): string | undefined {
  const value = Object.hasOwn(dict, key) ? bytes(dict[key]) : undefined
  return value && printable(value)
}

/** The number of something at a key; undefined where there is none, or one that nothing can have. */
export function count(dict: BencodeDict, key: string): number | undefined {
  const value = integer(dict[key])
  return value !== undefined && value >= 0 ? value : undefined
}

/** The body with numbers beyond 2^53 at keys that we'd clamp anyway made readable; undefined if there were none. */
function tameIntegers(body: Uint8Array): Buffer | undefined {
  const text = Buffer.from(body).toString('latin1')
  const tamed = text.replace(
    /(8:interval|12:min interval|8:complete|10:incomplete|10:downloaded)i(-?)[1-9]\d{15,}e/g,
    '$1i$2999999999e',
  )
  return tamed === text ? undefined : Buffer.from(tamed, 'latin1')
}
