/** Milliseconds within which a peer must be connected and have sent its handshake. */
const HANDSHAKE_TIMEOUT_MS = 10_000
/** Milliseconds of silence after which a peer is disconnected. */
const IDLE_TIMEOUT_MS = 130_000
/** Milliseconds of our own silence after which a keep-alive is sent. */
const KEEP_ALIVE_MS = 100_000
/** Milliseconds between two ticks of an idle connection of a seed, which may have thousands of them. */
const IDLE_TICK_MS = 1_000
/** Milliseconds within which a peer must take the blocks that it requested. */
const SEND_TIMEOUT_MS = 60_000

/** The state of a connection that decides which time limits apply. */
export interface TimedConnection {
  /** True once both handshakes are done. */
  readonly ready: boolean
  /** True while blocks are on their way to the peer. */
  readonly sending: boolean
}

/** The state of a connection that decides how often it is ticked. */
export interface TickedConnection {
  readonly ready: boolean
  readonly requester: { readonly amInterested: boolean; readonly outstanding: number }
  readonly responder: { readonly waiting: number; readonly sending: boolean }
}

/** The time limits of one connection: a policy. All times are in milliseconds of one clock. */
export class TimeLimits {
  /** The time at which the connection was dialled or accepted. */
  readonly startedAt: number
  /** True once any byte came. */
  hasReceived = false
  #receivedAt: number
  #queuedAt: number
  #writtenAt: number
  #tickedAt = Number.NEGATIVE_INFINITY

  /** @param now the time at which the connection was dialled or accepted */
  constructor(now: number) {
    this.startedAt = this.#receivedAt = this.#queuedAt = this.#writtenAt = now
  }

  /** Bytes came from the peer. */
  noteReceived(now: number): void {
    this.hasReceived = true
    this.#receivedAt = now
  }

  /** A message for the peer was queued. */
  noteQueued(now: number): void {
    this.#queuedAt = now
  }

  /** Bytes for the peer were passed to the system. */
  noteWritten(now: number): void {
    this.#writtenAt = now
  }

  /** Returns true if a tick of a seed has something to do: always, or once a second while neither side waits for blocks. */
  isTickDue({ ready, requester, responder }: TickedConnection, now: number): boolean {
    const isFetching = requester.amInterested || requester.outstanding > 0
    const isIdle = ready && !isFetching && responder.waiting === 0 && !responder.sending
    if (isIdle && now - this.#tickedAt < IDLE_TICK_MS) return false
    this.#tickedAt = now
    return true
  }

  /** Returns why the peer must be disconnected, if a limit is exceeded. Called several times a second. */
  findExceeded({ ready, sending }: TimedConnection, now: number): string | undefined {
    if (!ready) {
      // counted from the start and not from the last byte, so that single bytes do not extend it
      const isLate = now - this.#queuedAt > HANDSHAKE_TIMEOUT_MS
      return isLate ? `no handshake within ${HANDSHAKE_TIMEOUT_MS / 1000} s` : undefined
    }
    if (!sending) this.#writtenAt = now
    if (now - this.#writtenAt > SEND_TIMEOUT_MS)
      return `has not read what it asked for within ${SEND_TIMEOUT_MS / 1000} s`
    if (now - this.#receivedAt > IDLE_TIMEOUT_MS) return `silent for ${IDLE_TIMEOUT_MS / 1000} s`
    return undefined
  }

  /** Returns true if a keep-alive should be sent. */
  isKeepAliveDue(now: number): boolean {
    return now - this.#queuedAt > KEEP_ALIVE_MS
  }
}
