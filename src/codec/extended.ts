import { asDict, decode, encode, integer, text } from './bencode.ts'

/** What a peer says of itself in its extended handshake (BEP 10); what was wrong is left out. */
export interface ExtendedHandshake {
  /** Its name and version. */
  readonly client?: string
  /** How many requests it takes at once. */
  readonly reqq?: number
}

/** The id of the extended handshake among extended messages. */
export const EXTENDED_HANDSHAKE = 0
/** No client says this much of itself: what is longer is not read. */
const MAX_HANDSHAKE = 65536

/** Reads an extended handshake. Never throws: what cannot be read says nothing. */
export function parseExtendedHandshake(payload: Uint8Array): ExtendedHandshake {
  if (payload.length > MAX_HANDSHAKE) return {}
  try {
    const dict = asDict(decode(payload, { maxDepth: 8, allowTrailing: true }))
    const client = text(dict?.v)
      ?.replace(/[^\P{C}]/gu, '')
      .slice(0, 64)
    const reqq = integer(dict?.reqq)
    return {
      ...(client ? { client } : {}),
      ...(reqq !== undefined && reqq > 0 ? { reqq } : {}),
    }
  } catch {
    return {}
  }
}

/** Writes our extended handshake: no extensions yet, our name, and how many requests we take. */
export function encodeExtendedHandshake(client: string): Buffer {
  return encode({ m: {}, reqq: 500, v: client })
}
