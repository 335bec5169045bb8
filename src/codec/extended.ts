import { asDict, type BencodeValue, bytes, decode, encode, integer, text } from './bencode.ts'
import { addressBytes, hostOf } from './compact.ts'

/** What a peer says of itself in its extended handshake (BEP 10); what was wrong is left out. */
export interface ExtendedHandshake {
  /** Its name and version. */
  readonly client?: string
  /** How many requests it takes at once. */
  readonly reqq?: number
  /** The TCP port where it listens. */
  readonly port?: number
  /** The address that it sees us at, in canonical text. */
  readonly yourIp?: string
  /** Whether it wants no piece: it is a seed, or a partial one (BEP 21). */
  readonly uploadOnly?: boolean
  /** Bytes of the info dictionary (BEP 9), as it claims: check before that much is allocated. */
  readonly metadataSize?: number
  /** Its id for each extension message that it takes; 0 switches one off that an earlier handshake named. */
  readonly extensions: ReadonlyMap<string, number>
}

/** What we say of ourselves. */
export interface OwnHandshake {
  /** Our name and version. */
  readonly client: string
  /** How many requests we take at once. */
  readonly reqq: number
  /** Our id for each extension message that we take, 1 to 255; 0 switches one off. */
  readonly extensions: Readonly<Record<string, number>>
  /** The TCP port where we listen. */
  readonly port?: number
  /** The address that we see the peer at. What is no address, as one with a zone, is not sent. */
  readonly yourIp?: string
  /** Whether we want no piece (BEP 21): `false` takes back what an earlier handshake said. */
  readonly uploadOnly?: boolean
  /** Bytes of the info dictionary, which we give (BEP 9). */
  readonly metadataSize?: number
}

/** The id of the extended handshake among extended messages. */
export const EXTENDED_HANDSHAKE = 0
/** No client says this much of itself: what is longer is not read. */
const MAX_HANDSHAKE = 65536
/** Clients name about ten. */
const MAX_EXTENSIONS = 64
/** Characters; the longest in use has 15. */
const MAX_NAME = 64

/** Reads an extended handshake (BEP 10). Never throws: what cannot be read says nothing. */
export function parseExtendedHandshake(payload: Uint8Array): ExtendedHandshake {
  if (payload.length > MAX_HANDSHAKE) return { extensions: new Map() }
  let value: BencodeValue
  try {
    value = decode(payload, { maxDepth: 8, allowTrailing: true, repeatedKeys: 'first' })
  } catch {
    return { extensions: new Map() }
  }
  const dict = asDict(value)
  const client = text(dict?.v)
    ?.replace(/[^\P{C}]/gu, '')
    .slice(0, 64)
  const reqq = within(dict?.reqq, 1)
  const port = within(dict?.p, 1, 65535)
  const yourIp = bytes(dict?.yourip)
  const uploadOnly = within(dict?.upload_only, 0, 1)
  const metadataSize = within(dict?.metadata_size, 1)
  return {
    ...(client ? { client } : {}),
    ...(reqq === undefined ? {} : { reqq }),
    ...(port === undefined ? {} : { port }),
    ...(yourIp?.length === 4 || yourIp?.length === 16 ? { yourIp: hostOf(yourIp) } : {}),
    ...(uploadOnly === undefined ? {} : { uploadOnly: uploadOnly === 1 }),
    ...(metadataSize === undefined ? {} : { metadataSize }),
    extensions: extensionsOf(dict?.m),
  }
}

/** Writes our extended handshake (BEP 10). Of extensions, a later one need name only those that changed. */
export function encodeExtendedHandshake(ours: OwnHandshake): Buffer {
  const { client, reqq, extensions, metadataSize, port, yourIp = '', uploadOnly } = ours
  return encode({
    m: extensions,
    metadata_size: metadataSize,
    p: port,
    reqq,
    upload_only: uploadOnly === undefined ? undefined : Number(uploadOnly),
    v: client,
    yourip: addressBytes(yourIp),
  })
}

/** The payload of an lt_donthave: a piece is no longer there (BEP 54). Four bytes. */
export function encodeDontHave(index: number): Buffer {
  const payload = Buffer.alloc(4)
  payload.writeUInt32BE(index)
  return payload
}

/** The piece that an lt_donthave takes back (BEP 54), or `undefined` if the payload is not four bytes. */
export function parseDontHave(payload: Uint8Array): number | undefined {
  if (payload.length !== 4) return undefined
  return new DataView(payload.buffer, payload.byteOffset).getUint32(0)
}

function extensionsOf(value: BencodeValue | undefined): Map<string, number> {
  const extensions = new Map<string, number>()
  for (const [name, given] of Object.entries(asDict(value) ?? {})) {
    const id = within(given, 0, 255)
    if (id === undefined || name.length > MAX_NAME) continue
    extensions.set(name, id)
    if (extensions.size === MAX_EXTENSIONS) break
  }
  return extensions
}

/** The value as a whole number from `least` to `most`, or `undefined` if it is anything else. */
function within(value: BencodeValue | undefined, least: number, most = Infinity): number | undefined {
  const number = integer(value)
  return number !== undefined && number >= least && number <= most ? number : undefined
}
