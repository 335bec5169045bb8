import { METADATA_PIECE, metadataPieces } from '../../codec/metadata.ts'

export interface MetadataPickerOptions {
  /** Bytes of metadata at most. */
  readonly maxSize: number
  /** Returns true if the SHA-1 of `info` is the info-hash. */
  readonly matches: (info: Uint8Array) => boolean
}

/** Metadata of one claimed size as it comes together. */
interface Draft<Peer> {
  readonly size: number
  readonly pieces: Map<number, { readonly data: Uint8Array; readonly from: Peer }>
  /** All pieces before this one are there. */
  firstMissing: number
}

/** A peer that says that it has the metadata. */
interface Source<Peer> {
  draft: Draft<Peer>
  /** It gave a part of what turned out wrong: it gives all by itself now. */
  suspect: boolean
  /** Pieces that it was asked for, and when. */
  readonly asked: Map<number, number>
  /** When it may be asked again, in ms of the clock. */
  notBefore: number
}

/** Requests under way to one peer: libtorrent and transmission take more. */
const MAX_REQUESTS_PER_PEER = 8
/** Milliseconds after which others are asked for what a peer does not answer. */
export const METADATA_PATIENCE_MS = 3_000
/** Milliseconds that a peer is left alone when it has rejected a request. */
const REJECTED_REST_MS = 30_000

/**
 * Decides which peer to ask for which piece of the metadata, and which peers have sent wrong pieces.
 *
 * Depends on: the size that each peer claims; what each was asked for, when, and gave; rejects; the time; if
 * a whole draft is right. Peers that claim the same size share a draft. One that is wrong as a whole is each giver's own
 * from then on: a peer that then completes a wrong draft alone has lied.
 */
export class MetadataPicker<Peer> {
  /** The metadata, once it is right. */
  info: Buffer | undefined
  /** How many whole drafts were wrong: after each, other peers may be asked for what they were not asked before. */
  wrongDrafts = 0
  readonly #maxSize: number
  readonly #right: MetadataPickerOptions['matches']
  readonly #sources = new Map<Peer, Source<Peer>>()
  /** What peers share, by size. */
  readonly #shared = new Map<number, Draft<Peer>>()

  constructor({ maxSize, matches }: MetadataPickerOptions) {
    this.#maxSize = maxSize
    this.#right = matches
  }

  /** Pieces that are there, and all, of the draft that is furthest. */
  get progress(): { readonly have: number; readonly of: number } {
    let best = { have: 0, of: 0 }
    for (const { draft } of this.#sources.values()) {
      if (draft.pieces.size >= best.have) best = { have: draft.pieces.size, of: metadataPieces(draft.size) }
    }
    return best
  }

  /** Adds a peer with metadata of so many bytes. @returns false if that size is invalid */
  addPeer(peer: Peer, size: number): boolean {
    if (!(size >= 1 && size <= this.#maxSize)) return false
    const before = this.#sources.get(peer)
    if (before?.draft.size === size) return true
    this.#sources.set(peer, { draft: this.#draftOf(size), suspect: false, asked: new Map(), notBefore: 0 })
    return true
  }

  /** The peer is gone; what it gave stays. */
  removePeer(peer: Peer): void {
    const source = this.#sources.get(peer)
    this.#sources.delete(peer)
    if (source) this.#forget(source.draft)
  }

  /** What to ask a peer for now. */
  nextPieces(peer: Peer, now: number): number[] {
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
      pieces.push(piece)
    }
    return pieces
  }

  /** A peer sent a piece. What it was not asked for is ignored. @returns what is wrong with that, in words */
  addPiece(peer: Peer, piece: number, data: Uint8Array): string | undefined {
    const source = this.#sources.get(peer)
    if (!source?.asked.delete(piece) || this.info) return undefined
    const { draft } = source
    const length = Math.min(METADATA_PIECE, draft.size - piece * METADATA_PIECE)
    if (data.length !== length) return `sent ${data.length} bytes of metadata, expected ${length}`
    if (draft.pieces.has(piece)) return undefined
    draft.pieces.set(piece, { data, from: peer })
    this.#shed(draft)
    return draft.pieces.size === metadataPieces(draft.size) ? this.#judge(draft) : undefined
  }

  /** A peer does not have it after all, or gives no more for now. */
  onReject(peer: Peer, now: number): void {
    const source = this.#sources.get(peer)
    if (!source) return
    source.asked.clear()
    source.notBefore = now + REJECTED_REST_MS
  }

  /** Since when a peer owes us an answer, in ms of the clock. */
  owesSince(peer: Peer): number | undefined {
    const times = this.#sources.get(peer)?.asked.values() ?? []
    const oldest = Math.min(...times)
    return oldest === Number.POSITIVE_INFINITY ? undefined : oldest
  }

  /** What others were asked for, and may still answer in time. */
  #askedOf(draft: Draft<Peer>, now: number): Set<number> {
    const busy = new Set<number>()
    for (const source of this.#sources.values()) {
      if (source.draft !== draft) continue
      for (const [piece, at] of source.asked) if (now - at < METADATA_PATIENCE_MS) busy.add(piece)
    }
    return busy
  }

  /** All pieces are there. @returns what the last giver did wrong, if it is proven that it did */
  #judge(draft: Draft<Peer>): string | undefined {
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
    // What each gave need not be asked for again: if it is wrong, that is found out.
    for (const [piece, given] of draft.pieces) {
      const source = this.#sources.get(given.from)
      if (source?.suspect && source.draft.size === draft.size) source.draft.pieces.set(piece, given)
    }
    return undefined
  }

  #draftOf(size: number): Draft<Peer> {
    const draft = this.#shared.get(size) ?? { size, pieces: new Map(), firstMissing: 0 }
    this.#shared.set(size, draft)
    return draft
  }

  /** Gives up a draft that no connected peer can complete, unless its peers may come back. */
  #forget(draft: Draft<Peer>): void {
    const used = [...this.#sources.values()].some(source => source.draft === draft)
    if (used || this.#shared.get(draft.size) !== draft) return
    if (draft.pieces.size === 0 || this.#shared.size > 8) this.#shared.delete(draft.size)
  }

  /** Holds no more than two whole drafts: of those that are more, the one with the fewest peers begins anew. */
  #shed(keep: Draft<Peer>): void {
    const drafts = new Map<Draft<Peer>, number>([...this.#shared.values()].map(draft => [draft, 0]))
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
