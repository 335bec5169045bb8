import { BLOCK_LENGTH, type BlockRef, type Message } from '../../codec/message.ts'
import { PeerError, StorageError } from '../../errors.ts'
import type { ByteLimit } from '../byte-limit.ts'
import { type Done, Duplex } from '../stage.ts'
import { BlockGroup, countAdjacent, MAX_GROUP_BLOCKS, totalLength } from './block-group.ts'
import type { Outgoing } from './outgoing.ts'

/** The values that are known once the metadata is. */
export interface ResponderTorrent {
  /** Bytes of each piece but the last, and of all. */
  readonly pieceLength: number
  readonly length: number
  /** Where the bytes are: resolves with how many were there. */
  readonly storage: { read(position: number, target: Uint8Array): Promise<number> }
  /** Returns true if we have a piece. */
  readonly has: (index: number) => boolean
}

/** Decides how a peer is served: a policy. */
export interface UploadPolicy {
  /** Blocks to read and send at once, up to 16. */
  readonly maxBlocks: number
  /** Returns true if requests for this piece wait behind all others. */
  defers(index: number): boolean
}

/** Options of `Responder`. */
export interface ResponderOptions extends Partial<ResponderTorrent> {
  /** Requests that may wait; more are refused. @default 500 */
  readonly maxQueued?: number
  readonly limit?: ByteLimit
  readonly policy?: UploadPolicy
  /** Memory for a run of 16 blocks with their heads, and where it goes back to. @default memory of its own for each */
  readonly pool?: { take(): Uint8Array; give(bytes: Uint8Array): void }
  /** Called with what a read of a piece failed with: its requests were refused. */
  readonly onReadError?: (error: Error, index: number) => void
}

/** Runs that may be read, or on their way to the socket, at once: one is read while the other is sent. */
const MAX_OUT = 2
/** Consecutive requests without an answer until the peer counts as a flooder. */
const MAX_REFUSED = 2000

/**
 * Answers a peer's requests from a storage, and chokes it. Emits `request` with the piece index of each valid request.
 *
 * in            Message: request, cancel; others are ignored
 * out           Message, or blocks as they go over the wire: give those back with `release` once they are sent
 * backpressure  reads no further while two runs of blocks are out; requests wait in a bounded queue
 * fails with    PeerError: a request out of range, or 2,000 requests in a row that cannot be answered
 * BEP           3, 6
 */
export class Responder extends Duplex<Message, Outgoing> {
  /** True if both sides support the fast extension: requests that are not answered are rejected. */
  fast = false
  amChoking = true
  /** Bytes of blocks that were sent. */
  uploaded = 0
  /** Pieces that are answered even while the peer is choked, and how many more bytes of each (BEP 6). */
  readonly #allowed = new Map<number, number>()
  readonly #options: ResponderOptions
  #torrent: ResponderTorrent | undefined
  #queue: BlockRef[] = []
  /** Runs on their way to the socket, and the bytes of blocks in each. */
  readonly #out = new Map<Uint8Array, number>()
  #reading = false
  #ticket: object | undefined
  /** No more requests will come. */
  #ending = false
  #refused = 0
  /** Rejects that were sent while the peer had more than enough to read. */
  #unread = 0

  constructor(options: ResponderOptions) {
    super({
      highWaterMark: 1 << 20,
      byteLengthWritable: () => 64,
      byteLengthReadable: item => (item instanceof Uint8Array ? item.length : 64),
    })
    this.#options = options
    const { pieceLength, length, storage, has } = options
    if (pieceLength !== undefined && length !== undefined && storage && has)
      this.setTorrent({ pieceLength, length, storage, has })
  }

  /** The metadata is known: requests are answered from now on. */
  setTorrent(torrent: ResponderTorrent): void {
    this.#torrent = torrent
  }

  /** Requests that wait. */
  get waiting(): number {
    return this.#queue.length
  }

  /** True while blocks are on their way to the peer. */
  get sending(): boolean {
    return this.#out.size > 0
  }

  /** Answers requests for this piece even while the peer is choked: its bytes three times over. */
  allow(index: number): void {
    this.#allowed.set(index, 3 * (this.#torrent?.pieceLength ?? 0))
  }

  /** Answers the peer's requests from now on. */
  unchoke(): void {
    if (!this.amChoking) return
    this.amChoking = false
    this.push({ type: 'unchoke' })
  }

  /** Answers no more requests, but for pieces that are allowed. */
  choke(): void {
    if (this.amChoking) return
    this.amChoking = true
    this.push({ type: 'choke' })
    this.#keep(({ index }) => this.#allowed.has(index))
  }

  /** We have this piece no longer. */
  dropPiece(index: number): void {
    this.#keep(request => request.index !== index)
  }

  /** A run was sent: its memory may be used again. */
  release(bytes: Uint8Array): void {
    const length = this.#out.get(bytes)
    if (length === undefined) return
    this.#out.delete(bytes)
    this.uploaded += length
    this.#options.pool?.give(bytes)
    this.serve()
  }

  override _write(message: Message, done: Done): void {
    try {
      if (message.type === 'request') this.#take(message)
      else if (message.type === 'cancel') this.#cancel(message)
    } catch (error) {
      done(error as Error)
      return
    }
    done()
  }

  override _read(done: Done): void {
    this.serve()
    done()
  }

  override _final(done: Done): void {
    this.#ending = true
    this.serve() // which ends it, if nothing waits
    done()
  }

  override _destroy(done: Done): void {
    this.#queue = []
    if (this.#ticket) this.#options.limit?.cancel(this.#ticket)
    done()
  }

  #take(request: BlockRef): void {
    const { index, begin, length } = request
    const { maxQueued = 500 } = this.#options
    const torrent = this.#torrent
    const size = torrent
      ? Math.min(torrent.pieceLength, torrent.length - index * torrent.pieceLength)
      : Number.POSITIVE_INFINITY
    if (length < 1 || length > BLOCK_LENGTH || begin + length > size) {
      throw new PeerError('ERR_MESSAGE', `request for ${length} bytes at ${begin} of piece ${index}`)
    }
    this.emit('request', index)
    if (!this.#answers(index, length) || !torrent?.has(index) || this.#queue.length >= maxQueued) {
      if (++this.#refused > MAX_REFUSED) {
        throw new PeerError('ERR_MESSAGE', `${MAX_REFUSED} requests in a row that we could not answer`)
      }
      this.#reject(request)
      return
    }
    this.#refused = 0
    this.#queue.push(request)
    this.serve()
  }

  #cancel({ index, begin, length }: BlockRef): void {
    const at = this.#queue.findIndex(
      other => other.begin === begin && other.index === index && other.length === length,
    )
    if (at < 0) return // it is on its way
    for (const request of this.#queue.splice(at, 1)) this.#reject(request)
  }

  /** Rejects the waiting requests that `answered` says no to. */
  #keep(answered: (request: BlockRef) => boolean): void {
    const queue = this.#queue
    this.#queue = queue.filter(answered)
    if (this.#queue.length < queue.length) {
      for (const request of queue) if (!answered(request)) this.#reject(request)
    }
  }

  /** Returns true if a request is answered now. This uses up the allowance of a choked peer. */
  #answers(index: number, length: number): boolean {
    if (!this.amChoking) return true
    const left = this.#allowed.get(index) ?? 0
    if (left >= length) this.#allowed.set(index, left - length)
    return left >= length
  }

  #reject({ index, begin, length }: BlockRef): void {
    if (!this.fast || this.destroying) return
    if (!this.push({ type: 'reject', index, begin, length }) && ++this.#unread > MAX_REFUSED) {
      this.destroy(new PeerError('ERR_MESSAGE', 'asks and cancels without reading our answers'))
    }
  }

  /** Begins to read the next run, if there is any and room for it. To be called now and then: some were to wait. */
  serve(): void {
    if (this.#reading || this.#ticket || this.#out.size >= MAX_OUT || this.destroying) return
    if (this.#queue.length === 0) {
      if (this.#ending) this.push(null)
      this.#ending = false
      return
    }
    if (!this.#prefer()) return
    const { limit } = this.#options
    this.#reading = true
    const go = () => {
      this.#ticket = undefined
      void this.#read(this.#nextRun())
    }
    if (limit) this.#ticket = limit.take(totalLength(this.#queue.slice(0, this.#runBlocks())), go, this)
    else go()
  }

  /** Puts a request first that need not wait. @returns true if there is a request */
  #prefer(): boolean {
    const { policy } = this.#options
    if (!policy) return true
    const queue = this.#queue
    const at = queue.findIndex(({ index }) => !policy.defers(index))
    if (at > 0) this.#queue = [...queue.slice(at), ...queue.slice(0, at)]
    return at >= 0
  }

  /** Takes the requests of the next run from the queue: none if all were cancelled while it waited for its turn. */
  #nextRun(): BlockRef[] {
    return this.#queue.length === 0 ? [] : this.#queue.splice(0, this.#runBlocks())
  }

  #runBlocks(): number {
    return countAdjacent(
      this.#queue,
      Math.min(MAX_GROUP_BLOCKS, this.#options.policy?.maxBlocks ?? MAX_GROUP_BLOCKS),
    )
  }

  async #read(requests: readonly BlockRef[]): Promise<void> {
    const { pool, onReadError } = this.#options
    const torrent = this.#torrent
    const [first] = requests
    if (!first || !torrent) {
      this.#reading = false
      this.serve()
      return
    }
    const run = new BlockGroup(requests, pool?.take())
    try {
      const there = await torrent.storage.read(first.index * torrent.pieceLength + first.begin, run.data)
      if (there < run.length) {
        throw new StorageError(
          'ERR_STORAGE',
          `piece ${first.index} was verified, but is no longer there whole`,
        )
      }
    } catch (error) {
      pool?.give(run.bytes)
      this.#reading = false
      for (const request of requests) this.#reject(request)
      onReadError?.(error as Error, first.index)
      this.serve() // what else waits may be read all the same
      return
    }
    this.#reading = false
    if (this.destroying) {
      pool?.give(run.bytes)
      return
    }
    run.frame()
    this.#out.set(run.bytes, run.length)
    this.push(run.bytes)
    this.serve()
  }
}
