/** Every stage, each usable alone: `tsdl/streams`. */
export { BLOCK_LENGTH, type BlockRef, type Message, type PieceMessage } from '../codec/message.ts'
export type { BlockSource, Fetcher, FetcherPieces, RequestWindow } from './block-source.ts'
export type { ByteLimit } from './byte-limit.ts'
export { Decipher, type DecipherOptions } from './peer/decipher.ts'
export { Dispatcher, type MessageHandlers, type UploadRequest } from './peer/dispatcher.ts'
export { Encipher } from './peer/encipher.ts'
export { FixedWindow } from './peer/fixed-window.ts'
export { Framer, type FramerOptions } from './peer/framer.ts'
export type { BlocksMessage, DontHaveMessage, Incoming } from './peer/incoming.ts'
export type { Outgoing } from './peer/outgoing.ts'
export { PeerSocket, type PeerSocketOptions } from './peer/peer-socket.ts'
export { Requester, type RequesterOptions, type RequesterTorrent } from './peer/requester.ts'
export { Responder } from './peer/responder.ts'
export type { ResponderOptions } from './peer/responder-options.ts'
export { SequentialBlocks, type SequentialBlocksOptions } from './peer/sequential-blocks.ts'
export { Serializer } from './peer/serializer.ts'
export type { Request } from './pending-requests.ts'
export {
  BLOCK_STATE,
  type Block,
  type BlockPlace,
  type BlockWriter,
  PieceBuffer,
} from './piece-buffer.ts'
export { Digester } from './read/digester.ts'
export { type ByteSource, FileReader, type FileReaderOptions, type Lent } from './read/file-reader.ts'
export { type Backlog, Spill, type SpillOptions } from './read/spill.ts'
export { type TarBody, type TarMember, TarPacker, type TarPackerOptions } from './read/tar-packer.ts'
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
export { Funnel } from './torrent/funnel.ts'
export { PieceReader, type PieceReaderOptions } from './torrent/piece-reader.ts'
export { PieceWriter, type PieceWriterOptions } from './torrent/piece-writer.ts'
export { Verifier, type VerifierOptions } from './torrent/verifier.ts'
export { WebSeed } from './web/web-seed.ts'
export type { WebSeedOptions } from './web/web-seed-options.ts'
