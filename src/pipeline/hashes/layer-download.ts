import { type HashRange, rangeLength } from '../../codec/hash-range.ts'
import { blocksOf, heightOf, NODE_LENGTH } from '../../codec/merkle.ts'
import type { Metainfo } from '../../metainfo/metainfo.ts'
import { pieceLayerOf } from '../../metainfo/piece-layers.ts'
import { equalFiles } from '../../metainfo/twin-pieces.ts'
import type { HashPeer, HashRequests } from './hash-requests.ts'

/** Ranges that are requested at once. Each peer gets two at a time. */
const MAX_OPEN_RANGES = 64

/** A range of a piece layer. */
interface LayerRange {
  readonly range: HashRange
  /** The nodes that it holds. Nodes after them are beyond the end of the file. */
  readonly nodes: number
  /** The pieces where these nodes belong, one for each file with this root. */
  readonly places: readonly number[]
}

/**
 * Fetches the piece layers of a v2 or hybrid torrent from peers, for a link or a .torrent without them (BEP 52). It
 * requests ranges of 512 hashes, each with its proofs up to the root of the file.
 */
export class LayerDownload<Peer extends HashPeer> {
  readonly #metainfo: Metainfo
  readonly #requests: HashRequests<Peer>
  readonly #nodes: Buffer
  readonly #deadline: number
  #have = 0
  #of = 0

  /** @param deadline time of the clock after which the hashes are of no use any more */
  constructor(metainfo: Metainfo, requests: HashRequests<Peer>, deadline = Number.POSITIVE_INFINITY) {
    this.#deadline = deadline
    this.#metainfo = metainfo
    this.#requests = requests
    this.#nodes = Buffer.alloc(metainfo.pieceCount * NODE_LENGTH)
  }

  /** Hashes of pieces that have arrived, and those that were requested so far. */
  get progress(): { readonly have: number; readonly of: number } {
    return { have: this.#have, of: this.#of }
  }

  /** Resolves with the nodes of all pieces, as `Metainfo.pieceNodes`; with undefined after the deadline, or the end of the requests. */
  async run(): Promise<Buffer | undefined> {
    const ranges = this.#listRanges()
    const workers = Array.from({ length: MAX_OPEN_RANGES }, () => this.#fetchAll(ranges))
    const isComplete = await Promise.all(workers)
    return isComplete.every(Boolean) ? this.#nodes : undefined
  }

  async #fetchAll(ranges: Iterable<LayerRange>): Promise<boolean> {
    for (const { nodes, places, range } of ranges) {
      this.#of += nodes
      const hashes = await this.#requests.fetch({ range, expected: range.root, deadline: this.#deadline })
      if (!hashes) return false
      this.#have += nodes
      for (const piece of places)
        this.#nodes.set(hashes.subarray(0, nodes * NODE_LENGTH), piece * NODE_LENGTH)
    }
    return true
  }

  /** Lists the missing ranges. The root of a file of one piece is its node. Equal files share a layer. */
  *#listRanges(): Generator<LayerRange> {
    const { files, pieceLength } = this.#metainfo
    const base = pieceLayerOf(pieceLength)
    for (const places of equalFiles(this.#metainfo)) {
      const { length: bytes, piecesRoot } = files[places[0]!]!
      const root = piecesRoot!
      const firsts = places.map(file => files[file]!.offset / pieceLength)
      const pieces = Math.ceil(bytes / pieceLength)
      if (pieces === 1) {
        for (const first of firsts) this.#nodes.set(root, first * NODE_LENGTH)
        continue
      }
      const length = rangeLength(pieces)
      const proofLayers = heightOf(blocksOf(bytes)) - base - 1
      for (let index = 0; index < pieces; index += length) {
        yield {
          range: { root, base, index, length, proofLayers },
          nodes: Math.min(length, pieces - index),
          places: firsts.map(first => first + index),
        }
      }
    }
  }
}
