import { addressBytes } from './address-bytes.ts'
import { asBytes, asDict, asInteger, asText, type BencodeValue, decode, encode } from './bencode.ts'
import { checkArgument } from './check-arguments.ts'
import { hostOf } from './compact.ts'

/** The fields of a peer's extended handshake (BEP 10). Invalid fields are omitted. */
export interface ExtendedHandshake {
  /** The client's name and version. */
  readonly client?: string
  /** Maximum number of outstanding requests that it accepts. */
  readonly reqq?: number
  /** The TCP port on which it listens. */
  readonly port?: number
  /** Our address as it sees us, in canonical text. */
  readonly yourIp?: string
  /** True if it downloads no more pieces: a seed or a partial seed (BEP 21). */
  readonly uploadOnly?: boolean
  /** Length of the info dictionary in bytes, as claimed (BEP 9). Check it before allocating. */
  readonly metadataSize?: number
  /** Its id of each extension message that it supports. Id 0 disables an extension of an earlier handshake. */
  readonly extensions: ReadonlyMap<string, number>
}

/** The fields of our own extended handshake. */
export interface OwnHandshake {
  /** Our name and version. */
  readonly client: string
  /** Maximum number of outstanding requests that we accept. */
  readonly reqq: number
  /** Our id of each extension message that we support, 1 to 255. Id 0 disables an extension. */
  readonly extensions: Readonly<Record<string, number>>
  /** The TCP port on which we listen. */
  readonly port?: number
  /** The peer's address as we see it. It is not sent if it is not a plain address, for example one with a zone. */
  readonly yourIp?: string
  /** True if we download no more pieces (BEP 21). `false` revokes the `true` of an earlier handshake. */
  readonly uploadOnly?: boolean
  /** Length of the info dictionary in bytes, if we send metadata (BEP 9). */
  readonly metadataSize?: number
}

/** The extended message id of the extended handshake (BEP 10). */
export const EXTENDED_HANDSHAKE = 0
/** Maximum length of an extended handshake, in bytes. A longer one is ignored. */
const MAX_HANDSHAKE = 65536
/** Maximum number of extensions. Clients send about ten. */
const MAX_EXTENSIONS = 64
/** Maximum length of an extension's name, in characters. The longest in use has 15. */
const MAX_NAME = 64

/** Decodes an extended handshake (BEP 10). It never throws: what cannot be decoded is omitted. */
export function parseExtendedHandshake(payload: Uint8Array): ExtendedHandshake {
  checkArgument('payload', payload, 'bytes')
  if (payload.length > MAX_HANDSHAKE) return { extensions: new Map() }
  let value: BencodeValue
  try {
    value = decode(payload, { maxDepth: 8, maxItems: 1_000, allowTrailing: true, repeatedKeys: 'first' })
  } catch {
    return { extensions: new Map() }
  }
  const dict = asDict(value)
  const client = asText(dict?.v)
    ?.replace(/[^\P{C}]/gu, '')
    .slice(0, 64)
  const reqq = within(dict?.reqq, 1)
  const port = within(dict?.p, 1, 65535)
  const yourIp = asBytes(dict?.yourip)
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

/** Encodes our extended handshake (BEP 10). A later handshake needs to name only the extensions that changed. */
export function encodeExtendedHandshake(ours: OwnHandshake): Buffer {
  checkArgument('ours', ours, 'object')
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

/** Encodes the payload of lt_donthave, 4 bytes: we no longer have a piece (BEP 54). */
export function encodeDontHave(index: number): Buffer {
  const payload = Buffer.alloc(4)
  payload.writeUInt32BE(index)
  return payload
}

/** Decodes the piece index of lt_donthave (BEP 54). Returns `undefined` if the payload is not 4 bytes. */
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

/** Returns the value if it is an integer from `min` to `max`, otherwise `undefined`. */
function within(value: BencodeValue | undefined, min: number, max = Infinity): number | undefined {
  const number = asInteger(value)
  return number !== undefined && number >= min && number <= max ? number : undefined
}
