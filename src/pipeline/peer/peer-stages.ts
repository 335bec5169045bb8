import type { PeerAddress } from '../../codec/compact.ts'
import { MAX_TORRENT_SIZE } from '../../metainfo/parse.ts'
import { Dispatcher, type MessageHandlers } from '../../streams/peer/dispatcher.ts'
import { Framer } from '../../streams/peer/framer.ts'
import { PeerSocket } from '../../streams/peer/peer-socket.ts'
import { Requester, type RequestWindow } from '../../streams/peer/requester.ts'
import { Responder } from '../../streams/peer/responder.ts'
import type { UploadPolicy } from '../../streams/peer/responder-options.ts'
import { Serializer } from '../../streams/peer/serializer.ts'
import type { AcceptedConnection } from './accepted-connection.ts'
import { acceptedStages, type CipherStages, diallingStages } from './encryption.ts'
import { MessageBudget } from './message-budget.ts'
import type { PeerContext } from './peer-context.ts'
import type { TimeLimits } from './time-limits.ts'

export interface PeerStagesOptions {
  /** The address to dial, or an accepted connection. */
  readonly to: PeerAddress | AcceptedConnection
  /** True to dial with encryption. */
  readonly encrypted: boolean
  readonly context: PeerContext
  readonly window: RequestWindow
  /** Handlers of the messages that do not concern blocks. */
  readonly handlers: MessageHandlers
  /** Our requests for hashes. */
  readonly hashes: { readonly maxAnswerBytes: number }
  readonly uploadPolicy: UploadPolicy
  readonly timeLimits: TimeLimits
}

/** The stages of one peer. */
export interface PeerStages {
  readonly socket: PeerSocket
  readonly framer: Framer
  readonly dispatcher: Dispatcher
  readonly requester: Requester
  readonly responder: Responder
  readonly serializer: Serializer
  /** The stages next to the socket, if the connection is encrypted. */
  readonly ciphers: CipherStages | undefined
}

/** The longest message in bytes, except for a bitfield. */
const MAX_MESSAGE_BYTES = 1 << 17
/** Pieces of the largest torrent. They bound a bitfield while the metadata is not known. */
const MAX_PIECES = MAX_TORRENT_SIZE / 20

/** Creates the stages of one peer. */
export function createPeerStages(options: PeerStagesOptions): PeerStages {
  const { to, context, window, handlers, hashes, timeLimits } = options
  const { clock, load, torrent, waits } = context
  const now = () => clock.now()
  const serializer = new Serializer()
  const responder = createResponder(options)
  const socket = createSocket(to, context, bytes => {
    timeLimits.noteWritten(now())
    responder.release(bytes)
  })
  const requester = new Requester({ window, waits, send: messages => serializer.write(messages), now })
  const framer = new Framer({
    places: requester,
    maxLength: Math.max(MAX_MESSAGE_BYTES, 1 + Math.ceil((torrent?.pieceCount ?? MAX_PIECES) / 8)),
    maxHashes: () => hashes.maxAnswerBytes,
    onConsumed: chunk => {
      timeLimits.noteReceived(now())
      socket.release(chunk)
    },
    pace: new MessageBudget(clock, torrent?.pieceCount ?? 0, load),
  })
  const ciphers = createCiphers(options, socket)
  return { socket, framer, dispatcher: new Dispatcher(handlers), requester, responder, serializer, ciphers }
}

function createSocket(
  to: PeerAddress | AcceptedConnection,
  { bind, clock, connect, family, limits }: PeerContext,
  onWritten: (bytes: Uint8Array) => void,
): PeerSocket {
  const accepted = 'socket' in to ? to : undefined
  return new PeerSocket(accepted?.socket ?? (to as PeerAddress), {
    lend: true,
    readLimit: limits.read,
    onWritten,
    ...(accepted && !accepted.ciphers ? { head: accepted.head } : {}),
    ...(limits.down ? { limit: limits.down } : {}),
    // A simulated connection takes the clock of its simulation.
    ...(connect ? { connect, clock } : {}),
    ...(bind ? { bind } : {}),
    ...(family ? { family } : {}),
  })
}

function createResponder({ context, uploadPolicy }: PeerStagesOptions): Responder {
  const { limits } = context
  return new Responder({
    onReadError: (error, index) => context.torrent?.upload.onReadError(error, index),
    pool: limits.pool,
    policy: uploadPolicy,
    ...(limits.up ? { limit: limits.up } : {}),
  })
}

function createCiphers(
  { to, context, encrypted }: PeerStagesOptions,
  socket: PeerSocket,
): CipherStages | undefined {
  if ('socket' in to) return to.ciphers && acceptedStages(to.ciphers, to.head)
  if (!encrypted) return undefined
  return diallingStages(context.infoHash, context.encryption, chunk => socket.release(chunk))
}
