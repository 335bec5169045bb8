import type { Clock, Timer } from '../../ports/clock.ts'
import type { Request } from '../pending-requests.ts'
import { WebFault } from './web-fault.ts'
import { type RunOwner, runsOf, WebRun } from './web-run.ts'

export interface WebQueueOptions {
  readonly clock: Clock
  readonly pieceLength: number
  readonly owner: RunOwner
  /** Returns the number of runs that may be fetched at once. */
  readonly lanes: () => number
  /** Returns the distance of a run from the last fetched byte. The nearest run comes first. */
  readonly distance: (run: WebRun) => number
  /** Fetches all of a run, or rejects with a WebFault. */
  readonly fetch: (run: WebRun) => Promise<void>
  /** Called at the end of a run, with the requests that were not answered and the reason, if there is one. */
  readonly onEnd: (left: readonly Request[], fault: WebFault | undefined) => void
}

/** Maximum bytes of a run, and so of one HTTP request. */
const MAX_RUN_BYTES = 4 << 20
/** Milliseconds in which blocks are collected for a run, as pieces are admitted one by one. */
const GATHER_MS = 1

/** Gathers blocks into runs, and fetches a few of these at once. */
export class WebQueue {
  readonly #options: WebQueueOptions
  #gathered: Request[] = []
  #timer: Timer | undefined
  #waiting: WebRun[] = []
  readonly #lanes = new Set<WebRun>()

  constructor(options: WebQueueOptions) {
    this.#options = options
  }

  /** True if it has no room for another run. */
  get full(): boolean {
    const lanes = this.#options.lanes()
    // Where there is one lane only, the next run is ready when it ends.
    return this.#waiting.length > 0 || (lanes > 1 && this.#lanes.size >= lanes)
  }

  /** True if no run is being fetched. */
  get idle(): boolean {
    return this.#lanes.size === 0
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
    for (const run of this.#lanes) if (reason || !run.wanted) run.control.abort(reason)
  }

  /** Aborts all runs and drops the others. */
  close(): void {
    this.clear()
    for (const run of this.#lanes) run.control.abort()
  }

  #dispatch(): void {
    const { owner, pieceLength } = this.#options
    this.#timer = undefined
    for (const requests of runsOf(this.#gathered, pieceLength, MAX_RUN_BYTES)) {
      this.#waiting.push(new WebRun(requests, pieceLength, owner))
    }
    this.#gathered = []
    this.begin()
  }

  /** Fetches as many runs as there are lanes for. */
  begin(): void {
    const { distance, lanes } = this.#options
    while (this.#lanes.size < lanes() && this.#waiting.length > 0) {
      const distances = this.#waiting.map(distance)
      const [run] = this.#waiting.splice(distances.indexOf(Math.min(...distances)), 1)
      this.#lanes.add(run!)
      void this.#run(run!)
    }
  }

  async #run(run: WebRun): Promise<void> {
    let fault: WebFault | undefined
    try {
      await this.#options.fetch(run)
    } catch (error) {
      const { aborted, reason } = run.control.signal
      if (!aborted) fault = error as WebFault
      else if (reason instanceof WebFault) fault = reason
    }
    this.#lanes.delete(run)
    this.#options.onEnd(run.requests, fault)
    this.begin()
  }
}
