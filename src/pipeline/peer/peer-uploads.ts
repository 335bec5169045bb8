import { BLOCK_LENGTH, type Message } from '../../codec/message.ts'
import type { Requester } from '../../streams/peer/requester.ts'
import type { Responder } from '../../streams/peer/responder.ts'
import type { UploadPolicy } from '../../streams/peer/responder-options.ts'
import type { ByteRate } from './byte-rate.ts'
import type { PeerContext, PeerTorrent, PeerUpload, SuggestedPeer } from './peer-context.ts'

/** Seconds of a peer's rate that are read and sent at once. Blocks that were sent can no longer be cancelled. */
const READ_AHEAD_SECONDS = 0.25

/** The parts of a peer that decide how it is served. */
export interface ServedPeer extends SuggestedPeer {
  readonly requester: Requester
  readonly responder: Responder
  readonly up: ByteRate
  send(message: Message): boolean
}

/** Decides how one peer is served: the blocks at once, and the pieces that we suggest while we are a seed (BEP 6). */
export class PeerUploads implements UploadPolicy {
  readonly #peer: ServedPeer
  readonly #context: PeerContext
  /** Bytes that were uploaded before the last tick. */
  #uploaded = 0
  /** The time since when its requests wait without an answer, in milliseconds; an earlier tick if it has no requests. */
  waitsSince = 0

  constructor(peer: ServedPeer, context: PeerContext) {
    this.#peer = peer
    this.#context = context
  }

  /** Answers requests from now on: the metadata is known. */
  begin(torrent: PeerTorrent): void {
    const { hashes, length, pieceLength, upload } = torrent
    this.#peer.responder.setTorrent({
      ...{ pieceLength, length, hashes, storage: upload.storage },
      sizeOf: index => torrent.requestableBytes(index),
      has: index => upload.has(index),
    })
  }

  /** Answers requests that were deferred. Called several times a second. */
  tick(now: number): void {
    const { responder } = this.#peer
    if (responder.waiting === 0 || responder.uploaded > this.#uploaded) this.waitsSince = now
    this.#uploaded = responder.uploaded
    responder.serve()
  }

  get maxBlocks(): number {
    const blocks = Math.floor((this.#peer.up.rate * READ_AHEAD_SECONDS) / BLOCK_LENGTH)
    return Math.min(this.#context.limits.maxRunBlocks(), Math.max(1, blocks))
  }

  defers(index: number): boolean {
    return this.#suggesting?.suggestions.defersPiece(this.#peer, index, this.#context.clock.now()) ?? false
  }

  /** Sends suggestions, if the policy has any for the peer, so that each piece is uploaded once. */
  suggest(): void {
    const { bits, fast } = this.#peer.requester
    const upload = fast ? this.#suggesting : undefined
    const now = this.#context.clock.now()
    for (const index of upload?.suggestions.choosePieces(this.#peer, index => bits.has(index), now) ?? [])
      this.#peer.send({ type: 'suggest', index })
  }

  /** The peer has requested a block of a piece, which is not among its waiting requests yet. */
  onRequest(index: number): void {
    const now = this.#context.clock.now()
    if (this.#peer.responder.waiting === 0) this.waitsSince = now
    const suggestions = this.#context.torrent?.upload.suggestions
    if (suggestions?.noteRequest(this.#peer, index, now)) this.suggest()
  }

  /** Forgets the suggestions: the peer was choked or disconnected. */
  end(): void {
    this.#context.torrent?.upload.suggestions.removePeer(this.#peer)
  }

  /** Our uploads, while we are a seed and not super-seeding. */
  get #suggesting(): PeerUpload | undefined {
    const { torrent } = this.#context
    return torrent?.isUploadOnly && !torrent.upload.isSuperSeeding ? torrent.upload : undefined
  }
}
