import { checkArgument, checkOptions } from '../../codec/check-arguments.ts'
import { BLOCK_LENGTH, type BlockRef, type Message } from '../../codec/message.ts'
import { PeerError, StorageError } from '../../errors.ts'
import { pick } from '../../ports/pick.ts'
import { type Done, Duplex } from '../stage.ts'
import { BlockGroup, countAdjacent, groupLength, MAX_GROUP_BLOCKS, totalLength } from './block-group.ts'
import { HashResponder } from './hash-responder.ts'
import { type Outgoing, queuedBytes } from './outgoing.ts'
import { type ResponderOptions, type ResponderTorrent, sizeOf } from './responder-options.ts'

/** Maximum runs of blocks that are read or sent at once: one is read while the other is sent. */
const MAX_LENT_RUNS = 2
/** Consecutive requests without an answer until the peer counts as a flooder. */
const MAX_REFUSED = 2000

/**
 * Answers a peer's requests for blocks from a storage, and for hashes, and chokes it. Emits `request` with the piece index of each valid request.
 *
 * in            Message: request, cancel, hash request; others are ignored
 * out           Message, or encoded blocks: call `release` for those after they were sent
 * backpressure  reads nothing while two runs of blocks are lent, or while hashes are computed; requests wait in bounded queues
 * fails with    PeerError: a request out of range, or 2,000 requests in a row that cannot be answered
 * BEP           3, 6, 52
 */
export class Responder extends Duplex<Message, Outgoing> {
  /** True if both sides support the fast extension: requests that are not answered are rejected. */
  fast = false
  amChoking = true
  /** Bytes of blocks that were sent. */
  uploaded = 0
  /** The allowed-fast pieces, and the bytes of each that are left (BEP 6). */
  readonly #allowed = new Map<number, number>()
  readonly #options: ResponderOptions
  readonly #hashes: HashResponder
  #torrent: ResponderTorrent | undefined
  #queue: BlockRef[] = []
  /** Runs that are being sent, and the bytes of blocks in each. */
  readonly #lentRuns = new Map<Uint8Array, number>()
  #reading = false
  #ticket: object | undefined
  /** True after the last request. */
  #hasEnded = false
  #refusedInRow = 0
  /** The piece of the last request, if it is answered with a block, and no other message came after it. */
  #servedPiece: number | undefined
  /** Rejects that were sent while the output was full. */
  #unreadRejects = 0

  constructor(options: ResponderOptions) {
    checkOptions(options, {
      pieceLength: 'positive',
      length: 'whole',
      storage: 'object',
      has: 'function',
      policy: 'object',
    })
    super({
      highWaterMark: 1 << 20,
      byteLengthWritable: () => 64,
      byteLengthReadable: queuedBytes,
    })
    this.#options = options
    this.#hashes = new HashResponder({
      limit: options.limit,
      send: message => this.#pushAnswer(message),
      onAnswered: () => this.serve(),
    })
    const { pieceLength, length, storage, has } = options
    if (pieceLength !== undefined && length !== undefined && storage && has)
      this.setTorrent({ pieceLength, length, storage, has, ...pick(options, 'hashes', 'sizeOf') })
  }

  /** The metadata is known: requests are answered from now on. */
  setTorrent(torrent: ResponderTorrent): void {
    checkArgument('torrent', torrent, 'object')
    this.#torrent = torrent
    this.#hashes.source = torrent.hashes
  }

  /** The number of requests that wait. */
  get waiting(): number {
    return this.#queue.length
  }

  /** True while the policy defers all requests that wait, so that `serve` has to be called again. */
  get isDeferring(): boolean {
    return this.#queue.length > 0 && !this.#reading && !this.#ticket && this.#lentRuns.size === 0
  }

  /** True while blocks are being sent to the peer. */
  get sending(): boolean {
    return this.#lentRuns.size > 0
  }

  /** Answers requests for this piece even while the peer is choked, up to three times its bytes (BEP 6). */
  allow(index: number): void {
    this.#allowed.set(index, 3 * (this.#torrent?.pieceLength ?? 0))
  }

  /** Answers the peer's requests from now on. */
  unchoke(): void {
    if (!this.amChoking) return
    this.amChoking = false
    this.push({ type: 'unchoke' })
  }

  /** Rejects requests, except for allowed-fast pieces. */
  choke(): void {
    if (this.amChoking) return
    this.amChoking = true
    this.push({ type: 'choke' })
    this.#keep(({ index }) => this.#allowed.has(index))
  }

  /** Rejects the requests for a piece that we lost. */
  dropPiece(index: number): void {
    this.#keep(request => request.index !== index)
  }

  /** Takes back the memory of a run that was sent. */
  release(bytes: Uint8Array): void {
    const length = this.#lentRuns.get(bytes)
    if (length === undefined) return
    this.#lentRuns.delete(bytes)
    this.uploaded += length
    this.#options.pool?.give(bytes)
    this.serve()
  }

  override _write(message: Message, done: Done): void {
    try {
      if (message.type === 'cancel') this.#cancel(message)
      else if (message.type === 'hashRequest') this.#hashes.add(message, this.#servedPiece)
      this.#servedPiece = message.type === 'request' && this.#take(message) ? message.index : undefined
    } catch (error) {
      done(error as Error)
      return
    }
    done()
  }

  override _read(done: Done): void {
    this.#hashes.resume()
    this.serve()
    done()
  }

  override _final(done: Done): void {
    this.#hasEnded = true
    this.serve() // ends the output if nothing waits
    done()
  }

  override _destroy(done: Done): void {
    this.#queue = []
    this.#hashes.end()
    if (this.#ticket) this.#options.limit?.cancel(this.#ticket)
    done()
  }

  /** @returns false if the request is rejected */
  #take(request: BlockRef): boolean {
    const { index, begin, length } = request
    const { maxQueued = 500 } = this.#options
    const torrent = this.#torrent
    const size = torrent ? sizeOf(torrent, index) : Number.POSITIVE_INFINITY
    if (length < 1 || length > BLOCK_LENGTH || begin + length > size) {
      throw new PeerError('ERR_MESSAGE', `request for ${length} bytes at ${begin} of piece ${index}`)
    }
    this.emit('request', index)
    if (!this.#answers(index, length) || !torrent?.has(index) || this.#queue.length >= maxQueued) {
      if (++this.#refusedInRow > MAX_REFUSED) {
        throw new PeerError('ERR_MESSAGE', `${MAX_REFUSED} requests in a row that we could not answer`)
      }
      this.#reject(request)
      return false
    }
    this.#refusedInRow = 0
    this.#queue.push(request)
    this.serve()
    return true
  }

  #cancel({ index, begin, length }: BlockRef): void {
    const at = this.#queue.findIndex(
      other => other.begin === begin && other.index === index && other.length === length,
    )
    if (at < 0) return // it is being sent
    for (const request of this.#queue.splice(at, 1)) this.#reject(request)
  }

  /** Rejects the waiting requests for which `answered` returns false. */
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
    if (this.fast) this.#pushAnswer({ type: 'reject', index, begin, length })
  }

  /** Sends a reject, or hashes. @returns false if there is no room for more */
  #pushAnswer(message: Message): boolean {
    if (this.destroying) return false
    if (this.push(message)) return true
    if (message.type !== 'hashes' && ++this.#unreadRejects > MAX_REFUSED) {
      this.destroy(new PeerError('ERR_MESSAGE', 'asks and cancels without reading our answers'))
    }
    return false
  }

  /** Reads the next run, if there are requests and room. Also called several times a second, for deferred requests. */
  serve(): void {
    if (this.#reading || this.#ticket || this.#lentRuns.size >= MAX_LENT_RUNS || this.destroying) return
    if (this.#queue.length === 0) {
      if (this.#hasEnded && this.#hashes.isIdle) {
        this.push(null)
        this.#hasEnded = false
      }
      return
    }
    // The peer can use a block only when it has the hashes. Between two answers one run is sent.
    if (this.#hashes.isBusy || !this.#moveReadyFirst()) return
    const { limit } = this.#options
    this.#reading = true
    const go = () => {
      this.#ticket = undefined
      // none if all were cancelled while the run waited
      void this.#read(this.#queue.splice(0, this.#runBlocks()))
    }
    if (limit) this.#ticket = limit.take(totalLength(this.#queue.slice(0, this.#runBlocks())), go, this)
    else go()
  }

  /** Puts a request first that need not wait. @returns true if there is a request */
  #moveReadyFirst(): boolean {
    const { policy } = this.#options
    if (!policy) return true
    const queue = this.#queue
    const at = queue.findIndex(({ index }) => !policy.defers(index))
    if (at > 0) this.#queue = [...queue.slice(at), ...queue.slice(0, at)]
    return at >= 0
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
    const run = new BlockGroup(requests, pool?.take(groupLength(requests)))
    try {
      const readLength = await torrent.storage.read(first.index * torrent.pieceLength + first.begin, run.data)
      if (readLength < run.length) {
        throw new StorageError(
          'ERR_STORAGE',
          `piece ${first.index} was verified, but is no longer complete on disk`,
        )
      }
    } catch (error) {
      pool?.give(run.bytes)
      this.#reading = false
      for (const request of requests) this.#reject(request)
      onReadError?.(error as Error, first.index)
      this.serve()
      return
    }
    this.#reading = false
    if (this.destroying) {
      pool?.give(run.bytes)
      return
    }
    run.frame()
    this.#lentRuns.set(run.bytes, run.length)
    this.push(run.bytes)
    this.serve()
  }
}
