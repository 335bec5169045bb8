import { rangeLength } from '../../codec/hash-range.ts'
import { blocksOf, NODE_LENGTH } from '../../codec/merkle.ts'
import type { Metainfo } from '../../metainfo/metainfo.ts'
import { PieceTrees } from '../../metainfo/piece-trees.ts'
import type { HashPeer, HashRequests } from './hash-requests.ts'

/** A peer that has pieces. */
export interface LeafPeer extends HashPeer {
  readonly requester: { readonly bits: { has(index: number): boolean } }
}

export interface LeafRequestsOptions<Peer extends LeafPeer> {
  /** A v2 or hybrid torrent with piece layers. */
  readonly metainfo: Metainfo
  readonly requests: HashRequests<Peer>
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number
}

/** Milliseconds after which a piece is not worth waiting for its leaves. */
const LEAVES_TIMEOUT_MS = 10_000

/** Milliseconds until a peer is asked again. libtorrent may know the leaves of a piece only when it has sent a block of it. */
const REJECTED_REST_MS = 1000

/**
 * Fetches the leaves of pieces: the hashes of their blocks (BEP 52). With them each block of a piece can be verified alone.
 *
 *     const leaves = await leafRequests.fetchLeaves(piece)
 *     // leaves.subarray(32 * block, 32 * block + 32) equals leafOf(bytes of the block)
 *
 * Peers that have the piece are asked, one at a time, and the answer is verified against the node of the piece.
 */
export class LeafRequests<Peer extends LeafPeer> {
  readonly #options: LeafRequestsOptions<Peer>
  readonly #trees: PieceTrees | undefined

  constructor(options: LeafRequestsOptions<Peer>) {
    this.#options = options
    this.#trees = PieceTrees.of(options.metainfo)
  }

  /**
   * Resolves with the leaves of a piece, 32 bytes for each block, or with undefined if no peer sends them in time. Asks no peer
   * if the piece is one block.
   * @param needsPeer true to give up at once when no connected peer can send them
   */
  async fetchLeaves(index: number, needsPeer = false): Promise<Buffer | undefined> {
    const trees = this.#trees
    if (!trees) return undefined
    const { height, length, position } = trees.placementOf(index)
    const expected = trees.nodeOf(index)
    if (height === 0) return Buffer.from(expected)
    const { offset, piecesRoot } = trees.layout.files[trees.layout.fileOf(position)]!
    const width = 2 ** height
    const first = ((position - offset) / this.#options.metainfo.pieceLength) * width
    const count = rangeLength(width)
    const blocks = blocksOf(length)
    const deadline = this.#options.now() + LEAVES_TIMEOUT_MS
    const parts = await Promise.all(
      Array.from({ length: Math.ceil(blocks / count) }, (_, part) =>
        this.#options.requests.fetch({
          range: {
            root: piecesRoot!,
            base: 0,
            index: first + part * count,
            length: count,
            proofLayers: height - 1,
          },
          ...{ expected, deadline, needsPeer },
          restMs: REJECTED_REST_MS,
          mayAsk: peer => peer.requester.bits.has(index),
        }),
      ),
    )
    const known = parts.filter(part => part !== undefined)
    return known.length === parts.length ? Buffer.concat(known).subarray(0, blocks * NODE_LENGTH) : undefined
  }
}
