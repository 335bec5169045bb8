import { METADATA_PIECE, metadataPieces } from '../../codec/metadata.ts'

export interface MetadataPickerOptions {
  /** Bytes of metadata at most. */
  readonly maxSize: number
  /** Returns true if the SHA-1 of `info` is the info-hash. */
  readonly matches: (info: Uint8Array) => boolean
}

/** Incomplete metadata of one claimed size. */
interface MetadataDraft<Peer> {
  readonly size: number
  readonly pieces: Map<number, { readonly data: Uint8Array; readonly from: Peer }>
  /** All pieces before this one have arrived. */
  firstMissing: number
}

/** A peer that claims to have the metadata. */
interface MetadataSource<Peer> {
  draft: MetadataDraft<Peer>
  /** True after it sent a part of wrong metadata: it then has to send all of it alone. */
  suspect: boolean
  /** The pieces that it has to send now, and when they were requested. */
  readonly asked: Map<number, number>
  /** The pieces that were ever requested from it: a late answer is used. */
  readonly expected: Set<number>
  /** The time of its last piece, in ms of the clock. */
  answeredAt: number
  /** Milliseconds of silence after which its requests are repeated. */
  patience: number
  /** The time from which requests are sent to it again, in ms of the clock, and the length of the last rest. */
  notBefore: number
  restMs: number
}

/** Maximum requests in flight to one peer: libtorrent and transmission accept more. */
const MAX_REQUESTS_PER_PEER = 8
/** Milliseconds after which an unanswered request is also sent to another peer. */
const METADATA_PATIENCE_MS = 3_000
/** Milliseconds of silence after which the requests to a peer are repeated; doubled each time, to at most: */
const FIRST_PATIENCE_MS = 5_000
const MAX_PATIENCE_MS = 30_000
/** Milliseconds without requests to a peer after it rejected one; doubled each time, to at most: */
const FIRST_REST_MS = 2_000
const MAX_REST_MS = 30_000

/**
 * Decides which peer to ask for which piece of the metadata, and which peers have sent wrong pieces.
 *
 * Inputs: the size that each peer claims; the requests, answers and rejects of each, and their times; the result of the hash;
 * the time. Peers that claim the same size share a draft. When the hash of a complete draft is wrong, each peer that sent a
 * part of it gets its own draft. A peer that completes a wrong draft alone has lied.
 */
export class MetadataPicker<Peer> {
  /** The metadata, once its hash is right. */
  info: Buffer | undefined
  /** The number of complete drafts with a wrong hash. After each, peers may be asked for other pieces than before. */
  wrongDrafts = 0
  readonly #maxSize: number
  readonly #right: MetadataPickerOptions['matches']
  readonly #sources = new Map<Peer, MetadataSource<Peer>>()
  /** The shared drafts, by size. */
  readonly #shared = new Map<number, MetadataDraft<Peer>>()

  constructor({ maxSize, matches }: MetadataPickerOptions) {
    this.#maxSize = maxSize
    this.#right = matches
  }

  /** The number of pieces that have arrived, and of all, of the draft with the most pieces. */
  get progress(): { readonly have: number; readonly of: number } {
    let best = { have: 0, of: 0 }
    for (const { draft } of this.#sources.values()) {
      if (draft.pieces.size >= best.have) best = { have: draft.pieces.size, of: metadataPieces(draft.size) }
    }
    return best
  }

  /** Adds a peer with metadata of this many bytes. @returns false if that size is invalid */
  addPeer(peer: Peer, size: number): boolean {
    if (!(size >= 1 && size <= this.#maxSize)) return false
    const before = this.#sources.get(peer)
    if (before?.draft.size === size) return true
    this.#sources.set(peer, {
      ...{ draft: this.#draftOf(size), suspect: false, asked: new Map(), expected: new Set() },
      ...{ answeredAt: 0, patience: FIRST_PATIENCE_MS, notBefore: 0, restMs: 0 },
    })
    return true
  }

  /** Removes a peer that disconnected. Its pieces are kept. */
  removePeer(peer: Peer): void {
    const source = this.#sources.get(peer)
    this.#sources.delete(peer)
    if (source) this.#forget(source.draft)
  }

  /** Returns the pieces to request from a peer now, and notes them as requested. */
  choosePieces(peer: Peer, now: number): number[] {
    const source = this.#sources.get(peer)
    if (!source || this.info || source.notBefore > now) return []
    const { asked, draft } = source
    const busy = this.#askedOf(draft, now)
    const pieces: number[] = []
    while (draft.pieces.has(draft.firstMissing)) draft.firstMissing++
    for (
      let piece = draft.firstMissing;
      piece < metadataPieces(draft.size) && asked.size < MAX_REQUESTS_PER_PEER;
      piece++
    ) {
      if (draft.pieces.has(piece) || busy.has(piece) || asked.has(piece)) continue
      asked.set(piece, now)
      source.expected.add(piece)
      pieces.push(piece)
    }
    return pieces
  }

  /** Adds a piece from a peer, if it was requested. @returns how the peer violated the protocol, if it did */
  addPiece(peer: Peer, piece: number, data: Uint8Array, now: number): string | undefined {
    const source = this.#sources.get(peer)
    if (!source?.expected.has(piece) || this.info) return undefined
    const { draft } = source
    source.asked.delete(piece)
    source.answeredAt = now
    source.patience = FIRST_PATIENCE_MS
    source.restMs = 0
    const length = Math.min(METADATA_PIECE, draft.size - piece * METADATA_PIECE)
    if (data.length !== length) return `sent ${data.length} bytes of metadata, expected ${length}`
    if (draft.pieces.has(piece)) return undefined
    draft.pieces.set(piece, { data, from: peer })
    this.#limitMemory(draft)
    return draft.pieces.size === metadataPieces(draft.size) ? this.#checkHash(draft) : undefined
  }

  /** A peer rejected a request: it gets no more requests for a while. */
  onReject(peer: Peer, now: number): void {
    const source = this.#sources.get(peer)
    if (!source) return
    source.asked.clear()
    source.restMs = Math.min(2 * source.restMs || FIRST_REST_MS, MAX_REST_MS)
    source.notBefore = now + source.restMs
  }

  /** Gives up the requests to silent peers, so that they are sent again. */
  expireRequests(now: number): void {
    for (const source of this.#sources.values()) {
      const { asked, answeredAt, patience } = source
      if (asked.size === 0 || now - Math.max(answeredAt, ...asked.values()) <= patience) continue
      asked.clear()
      source.patience = Math.min(2 * patience, MAX_PATIENCE_MS)
    }
  }

  /** The pieces with a request in flight to any peer. */
  #askedOf(draft: MetadataDraft<Peer>, now: number): Set<number> {
    const busy = new Set<number>()
    for (const source of this.#sources.values()) {
      if (source.draft !== draft) continue
      for (const [piece, at] of source.asked) if (now - at < METADATA_PATIENCE_MS) busy.add(piece)
    }
    return busy
  }

  /** Checks the hash of a complete draft. @returns how the last peer violated the protocol, if that is proven */
  #checkHash(draft: MetadataDraft<Peer>): string | undefined {
    const parts = Array.from({ length: draft.pieces.size }, (_, piece) => draft.pieces.get(piece)!)
    const info = Buffer.concat(parts.map(({ data }) => data))
    if (this.#right(info)) {
      this.info = info
      return undefined
    }
    this.wrongDrafts++
    if (this.#shared.get(draft.size) === draft) this.#shared.delete(draft.size)
    const givers = new Set(parts.map(({ from }) => from))
    for (const [peer, source] of this.#sources) {
      if (source.draft !== draft) continue
      source.asked.clear()
      source.suspect = givers.has(peer)
      source.draft = source.suspect
        ? { size: draft.size, pieces: new Map(), firstMissing: 0 }
        : this.#draftOf(draft.size)
    }
    if (givers.size === 1) return 'sent metadata that does not match the info-hash'
    // The pieces of each peer need no new request: wrong ones are found when its own draft is complete.
    for (const [piece, given] of draft.pieces) {
      const source = this.#sources.get(given.from)
      if (source?.suspect && source.draft.size === draft.size) source.draft.pieces.set(piece, given)
    }
    return undefined
  }

  #draftOf(size: number): MetadataDraft<Peer> {
    const draft = this.#shared.get(size) ?? { size, pieces: new Map(), firstMissing: 0 }
    this.#shared.set(size, draft)
    return draft
  }

  /** Drops a draft that no connected peer can complete, if it is empty or there are too many. */
  #forget(draft: MetadataDraft<Peer>): void {
    const used = [...this.#sources.values()].some(source => source.draft === draft)
    if (used || this.#shared.get(draft.size) !== draft) return
    if (draft.pieces.size === 0 || this.#shared.size > 8) this.#shared.delete(draft.size)
  }

  /** Clears the drafts with the fewest peers, until the memory of all is at most twice the maximum size. */
  #limitMemory(keep: MetadataDraft<Peer>): void {
    const drafts = new Map<MetadataDraft<Peer>, number>([...this.#shared.values()].map(draft => [draft, 0]))
    for (const { draft } of this.#sources.values()) drafts.set(draft, (drafts.get(draft) ?? 0) + 1)
    const held = () => [...drafts.keys()].reduce((sum, { pieces }) => sum + pieces.size, 0)
    drafts.delete(keep)
    while (drafts.size > 0 && (held() + keep.pieces.size) * METADATA_PIECE > 2 * this.#maxSize) {
      const [least] = [...drafts].reduce((a, b) => (b[1] < a[1] ? b : a))
      least.pieces.clear()
      least.firstMissing = 0
      drafts.delete(least)
    }
  }
}
