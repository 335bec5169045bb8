import { EventEmitter } from 'node:events'
import { formatAddress } from '../../codec/compact.ts'
import { hasHash, type InfoHashes } from '../../metainfo/info-hashes.ts'
import { MAX_TORRENT_SIZE } from '../../metainfo/parse.ts'
import type { Peer } from '../peer/peer.ts'
import type { Swarm } from '../swarm/swarm.ts'
import { MetadataPicker } from './metadata-picker.ts'

export interface MetadataDownloadEvents {
  /** The info dictionary has arrived, and has the expected info-hash. */
  complete: [info: Buffer]
}

export interface MetadataDownloadOptions {
  /** The expected info-hashes: metadata with one of them is accepted. */
  readonly hashes: InfoHashes
  readonly swarm: Swarm
  /** Milliseconds, monotonic. */
  readonly now: () => number
}

/** Fetches the metadata of a torrent from several peers at once, and verifies it (BEP 9). */
export class MetadataDownload extends EventEmitter<MetadataDownloadEvents> {
  readonly #options: MetadataDownloadOptions
  readonly #picker: MetadataPicker<Peer>
  readonly #offering = new Set<Peer>()
  #isEnded = false

  constructor(options: MetadataDownloadOptions) {
    super()
    this.#options = options
    const { hashes, swarm } = options
    this.#picker = new MetadataPicker({
      maxSize: MAX_TORRENT_SIZE,
      matches: info => hasHash(info, hashes),
    })
    swarm.on('extended', peer => this.#offered(peer))
    swarm.on('metadata', (peer, message) => {
      if (message.type === 'data') this.#received(peer, message.piece, message.data)
      else {
        this.#picker.onReject(peer, options.now())
        this.#askAll()
      }
    })
    swarm.on('disconnected', peer => {
      this.#offering.delete(peer)
      this.#picker.removePeer(peer)
      this.#askAll()
    })
  }

  /** The number of connected peers that offer metadata. */
  get offering(): number {
    return this.#offering.size
  }

  /** The number of pieces of metadata that have arrived, and of all; 0 while that is not known. */
  get progress(): { readonly have: number; readonly of: number } {
    return this.#picker.progress
  }

  /** Describes how a connected peer answered requests for metadata. */
  describe(peer: Peer): string {
    return this.#offering.has(peer) ? 'has not given all of it yet' : 'had no metadata to give'
  }

  /** Requests late pieces again. Called several times a second. */
  tick(now: number): void {
    if (this.#isEnded) return
    this.#picker.expireRequests(now)
    this.#askAll()
  }

  /** Sends no more requests. */
  end(): void {
    this.#isEnded = true
  }

  #offered(peer: Peer): void {
    const { extensions, metadataSize } = peer.extendedHandshake
    if (this.#isEnded || metadataSize === undefined || !extensions.get('ut_metadata')) return
    if (!this.#picker.addPeer(peer, metadataSize)) {
      this.#blame(peer, `offers metadata of ${metadataSize} bytes, at most ${MAX_TORRENT_SIZE} are read`)
      return
    }
    this.#offering.add(peer)
    this.#askAll()
  }

  #received(peer: Peer, piece: number, data: Uint8Array): void {
    if (this.#isEnded) return
    const { wrongDrafts } = this.#picker
    const wrong = this.#picker.addPiece(peer, piece, data, this.#options.now())
    if (wrong !== undefined) this.#blame(peer, wrong)
    const { info } = this.#picker
    if (info) {
      this.#isEnded = true
      this.emit('complete', info)
    } else if (this.#picker.wrongDrafts > wrongDrafts) this.#askAll()
    else if (this.#offering.has(peer)) this.#ask(peer)
  }

  #askAll(): void {
    for (const peer of this.#offering) this.#ask(peer)
  }

  #ask(peer: Peer): void {
    if (this.#isEnded) return
    const pieces = this.#picker.choosePieces(peer, this.#options.now())
    if (pieces.length > 0) peer.extensions.requestMetadata(pieces)
  }

  #blame(peer: Peer, what: string): void {
    this.#options.swarm.ban(formatAddress(peer.address), `banned for wrong metadata: it ${what}`)
  }
}
