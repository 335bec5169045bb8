import { asBytes, asInteger, type BencodeValue } from './bencode.ts'

/** Returns the value if it is an integer, or a string of up to 15 digits as a number, otherwise `undefined`. */
export function digits(value: BencodeValue | undefined): number | undefined {
  const spelled = asBytes(value)?.subarray(0, 16).toString('latin1') ?? ''
  return /^\d{1,15}$/.test(spelled) ? Number(spelled) : asInteger(value)
}
