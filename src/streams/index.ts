/** Every stage, each usable alone: `tsdl/streams`. */
export { BLOCK_LENGTH, type BlockRef, type Message, type PieceMessage } from '../codec/message.ts'
export type { Fetcher, FetcherOffer } from './block-source.ts'
export type { ByteLimit } from './byte-limit.ts'
export { Decipher, type DecipherOptions } from './decipher.ts'
export { Digester } from './digester.ts'
export { Encipher } from './encipher.ts'
export { type ByteSource, FileReader, type FileReaderOptions, type Lent } from './file-reader.ts'
export { Framer, type FramerOptions } from './framer.ts'
export { Funnel } from './funnel.ts'
export type { Outgoing } from './outgoing.ts'
export { PeerSocket, type PeerSocketOptions } from './peer-socket.ts'
export { BLOCK, type Block, type BlockPlace, type BlockWriter, PieceBuffer } from './piece-buffer.ts'
export { PieceReader, type PieceReaderOptions } from './piece-reader.ts'
export { PieceWriter, type PieceWriterOptions } from './piece-writer.ts'
export {
  type BlockSource,
  type Request,
  Requester,
  type RequesterOptions,
  type RequestWindow,
} from './requester.ts'
export { Responder, type ResponderOptions } from './responder.ts'
export { Serializer } from './serializer.ts'
export { type Backlog, Spill, type SpillOptions } from './spill.ts'
export {
  closed,
  type Done,
  Duplex,
  Readable,
  type Sink,
  type Source,
  type Through,
  Transform,
  Writable,
} from './stage.ts'
export { type TarBody, type TarMember, TarPacker, type TarPackerOptions } from './tar-packer.ts'
export { Verifier, type VerifierOptions } from './verifier.ts'
export { WebSeed } from './web-seed.ts'
export type { WebSeedOptions } from './web-seed-options.ts'
