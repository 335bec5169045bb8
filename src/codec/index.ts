/** Bytes to values and back, pure: `tsdl/codec`. */

export { addressBytes, zonelessBytes } from './address-bytes.ts'
export { type AddressFamily, addressFamilyOf, isOfFamily } from './address-family.ts'
export {
  asDict,
  asList,
  type BencodeDict,
  type BencodeValue,
  type DecodeOptions,
  decode,
  type Encodable,
  encode,
} from './bencode.ts'
export { Bitfield } from './bitfield.ts'
export { formatByteRate, formatBytes } from './byte-amounts.ts'
export {
  decodePeers4,
  decodePeers6,
  encodePeers4,
  encodePeers6,
  formatAddress,
  type PeerAddress,
  parseAddress,
} from './compact.ts'
export {
  EXTENDED_HANDSHAKE,
  type ExtendedHandshake,
  encodeExtendedHandshake,
  type OwnHandshake,
  parseExtendedHandshake,
} from './extended.ts'
export {
  decodeHandshake,
  encodeHandshake,
  HANDSHAKE_LENGTH,
  type Handshake,
  reservedBytes,
  supports,
} from './handshake.ts'
export {
  BLOCK_LENGTH,
  type BlockRef,
  decodeBody,
  encodeMessage,
  type Message,
  type PieceMessage,
} from './message.ts'
export {
  encodeMetadataMessage,
  METADATA_PIECE,
  type MetadataMessage,
  parseMetadataMessage,
} from './metadata.ts'
export { clientOf, makePeerId } from './peer-id.ts'
export { decodePex, encodePex, type PexMessage, type PexPeer } from './pex.ts'
export { escaped, INVISIBLE_CHARACTERS, quote } from './quote.ts'
export { type TarEntry, tarHeader, tarPadding } from './tar-header.ts'
