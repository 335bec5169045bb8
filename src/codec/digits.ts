import { type BencodeValue, bytes, integer } from './bencode.ts'

/** The value as a whole number, also where it is a string of up to fifteen digits; `undefined` if it is anything else. */
export function digits(value: BencodeValue | undefined): number | undefined {
  const spelled = bytes(value)?.subarray(0, 16).toString('latin1') ?? ''
  return /^\d{1,15}$/.test(spelled) ? Number(spelled) : integer(value)
}
