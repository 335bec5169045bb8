import type { WebSite } from '../../metainfo/web-site.ts'
import type { Clock, Timer } from '../../ports/clock.ts'
import { Emitter } from '../../ports/emitter.ts'
import type { PendingRequests, Request } from '../pending-requests.ts'
import type { BlockWriter } from '../piece-buffer.ts'
import { WebFault } from './web-fault.ts'
import type { WebLane } from './web-lane.ts'
import { type RunOwner, runsOf, WebRun } from './web-run.ts'

export interface WebQueueOptions {
  readonly clock: Clock
  readonly pieceLength: number
  readonly site: WebSite
  /** The requests of the web seed. A block that is not among them any more is skipped. */
  readonly requests: Pick<PendingRequests, 'findInto'>
  /** Fetches the runs. */
  readonly lane: Pick<WebLane, 'fetch' | 'streams'>
}

export interface WebQueueEvents {
  /** A block is complete in its place. */
  placed: [request: Request]
  /** A block was received and skipped. */
  refused: [request: Request]
  /** A run has ended: the requests that were not answered, and the reason, if there is one. */
  end: [left: readonly Request[], fault: WebFault | undefined]
}

/** Maximum bytes of a run, and so of one HTTP request. */
const MAX_RUN_BYTES = 4 << 20
/** Milliseconds in which blocks are collected for a run, as pieces are admitted one by one. */
const GATHER_MS = 1

/** Gathers blocks into runs, and fetches a few of these at once: the nearest to the last fetched byte first. */
export class WebQueue extends Emitter<WebQueueEvents> implements RunOwner {
  readonly #options: WebQueueOptions
  #gathered: Request[] = []
  #timer: Timer | undefined
  #waiting: WebRun[] = []
  /** The runs that are being fetched. */
  readonly #fetched = new Set<WebRun>()

  constructor(options: WebQueueOptions) {
    super()
    this.#options = options
  }

  /** True if it has no room for another run. */
  get full(): boolean {
    const { lanes } = this.#options.lane.streams
    // Where there is one lane only, the next run is ready when it ends.
    return this.#waiting.length > 0 || (lanes > 1 && this.#fetched.size >= lanes)
  }

  /** True if no run is being fetched. */
  get idle(): boolean {
    return this.#fetched.size === 0
  }

  /** The piece of the last collected block that is not requested yet. */
  get last(): number | undefined {
    return this.#gathered.at(-1)?.piece.index
  }

  /** Adds blocks to fetch. */
  add(requests: readonly Request[]): void {
    if (requests.length === 0) return
    this.#gathered.push(...requests)
    this.#timer ??= this.#options.clock.setTimeout(() => this.#dispatch(), GATHER_MS)
  }

  /** Drops the blocks that are not being fetched. @returns their requests */
  clear(): Request[] {
    this.#options.clock.clearTimeout(this.#timer)
    this.#timer = undefined
    const dropped = [...this.#gathered, ...this.#waiting.flatMap(({ requests }) => requests)]
    this.#gathered = []
    this.#waiting = []
    return dropped
  }

  /** Aborts the runs that are no longer wanted; with a reason, all runs that are being fetched. */
  abort(reason?: WebFault): void {
    for (const run of this.#fetched) if (reason || !run.wanted) run.control.abort(reason)
  }

  /** Aborts all runs and drops the others. */
  close(): void {
    this.clear()
    for (const run of this.#fetched) run.control.abort()
  }

  wants({ piece, block }: Request): boolean {
    return this.#options.requests.findInto(piece, block) !== undefined
  }

  place({ piece, block }: Request, writer: BlockWriter): Uint8Array | null {
    const request = this.#options.requests.findInto(piece, block)
    return request?.piece.place(request.block, writer) ?? null
  }

  onPlaced(request: Request): void {
    this.emit('placed', request)
  }

  onRefused(request: Request): void {
    this.emit('refused', request)
  }

  #dispatch(): void {
    const { pieceLength } = this.#options
    this.#timer = undefined
    for (const requests of runsOf(this.#gathered, pieceLength, MAX_RUN_BYTES)) {
      this.#waiting.push(new WebRun(requests, pieceLength, this))
    }
    this.#gathered = []
    this.begin()
  }

  /** Fetches as many runs as there are lanes for. */
  begin(): void {
    const { site } = this.#options
    const { streams } = this.#options.lane
    while (this.#fetched.size < streams.lanes && this.#waiting.length > 0) {
      const distances = this.#waiting.map(({ position }) => streams.distance(site.part(position, 1)))
      const [run] = this.#waiting.splice(distances.indexOf(Math.min(...distances)), 1)
      this.#fetched.add(run!)
      void this.#run(run!)
    }
  }

  async #run(run: WebRun): Promise<void> {
    let fault: WebFault | undefined
    try {
      await this.#options.lane.fetch(run)
    } catch (error) {
      const { aborted, reason } = run.control.signal
      if (!aborted) fault = error as WebFault
      else if (reason instanceof WebFault) fault = reason
    }
    this.#fetched.delete(run)
    this.emit('end', run.requests, fault)
    this.begin()
  }
}
