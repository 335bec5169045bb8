/**
 * What limits a download:
 *
 * - `none`: nothing is missing, or the torrent is paused, checks its files or was not started
 * - `metadata`: the metadata of a magnet link has not arrived
 * - `no-peers`: no address of a peer is known
 * - `unreachable`: addresses are known, and no connection is open
 * - `missing`: no connected peer has what is missing
 * - `choked`: most of the peers that have it choke us
 * - `silent`: peers owe blocks, and send none
 * - `round-trip`: the fastest peer waits for our requests, of which no more are allowed in flight
 * - `peers`: the peers, or the lines to them, send no faster
 * - `down-limit`: our own limit of the download rate
 * - `cpu`: our event loop is busy, or hashing is late
 * - `disk`: writes take long
 * - `memory`: all pieces that fit into memory are in flight
 * - `reader`: the readers take no more, or there is none
 */
export type BottleneckKind =
  | 'none'
  | 'metadata'
  | 'no-peers'
  | 'unreachable'
  | 'missing'
  | 'choked'
  | 'silent'
  | 'round-trip'
  | 'peers'
  | 'down-limit'
  | 'cpu'
  | 'disk'
  | 'memory'
  | 'reader'

/** What limits a download now, as measured over the last two seconds. */
export interface Bottleneck {
  readonly kind: BottleneckKind
  /** A few words for a line of progress; empty for `none`. */
  readonly short: string
  /** One sentence. */
  readonly sentence: string
  /** The measurements that it follows from. */
  readonly evidence: Evidence
  /** The outcome of each peer, if no block arrives: at most 20. */
  readonly outcomes: readonly PeerOutcome[]
}

/** The outcome of one peer. */
export interface PeerOutcome {
  /** `host:port`. */
  readonly address: string
  /** Text that follows its name: `refused the connection`. */
  readonly outcome: string
}

/** Measurements of the last two seconds. Shares are parts of the time, from 0 to 1. */
export interface Evidence {
  /** Seconds that were measured; 0 if nothing was measured yet. */
  readonly seconds: number
  /** Bytes per second from peers and web seeds. */
  readonly rate: number
  readonly peers: {
    /** Known addresses, connected or not. */
    readonly known: number
    readonly connected: number
    /** Connected peers that have pieces that we lack. */
    readonly useful: number
    /** Useful peers that choke us. */
    readonly choking: number
  }
  /** Web seeds that answer. */
  readonly webSeeds: number
  /** Copies of the rarest missing piece among the connected peers, and as a fraction the part of the pieces that have one more. */
  readonly availability: number
  readonly shares: {
    /**
     * Shares of the time of useful peers: they choked us; they owed as many blocks as we may request; there was no
     * block to request.
     */
    readonly choked: number
    readonly blocks: number
    readonly work: number
    /** The share in which a read waited for our limit of the download rate. */
    readonly downLimit: number
    /** The share in which as many writes ran as may run. */
    readonly disk: number
    /**
     * The share in which no reader waited for bytes, or bytes that readers hold filled the memory; null if no reader
     * paces the download.
     */
    readonly reader: number | null
    /** The share in which pieces waited for memory. */
    readonly memory: number
    /** The shares in which the main thread hashed, and in which all hash threads were busy. */
    readonly hash: number
    readonly hashThreads: number
    /** The share in which the event loop was busy; null if that is not measured. */
    readonly loop: number | null
  }
  /** The mean time of a write in milliseconds; null if none ended. */
  readonly writeMs: number | null
  /** The mean delay of the event loop in milliseconds; null if that is not measured. */
  readonly loopDelayMs: number | null
  /** The peer with the highest rate; null if none sends. */
  readonly fastest: FastestPeer | null
}

/** The peer with the highest rate. */
export interface FastestPeer {
  /** `host:port`. */
  readonly address: string
  /** Bytes per second. */
  readonly rate: number
  /** Requests that may be in flight to it. */
  readonly requests: number
  /** What allows no further request; null if more would not help. */
  readonly requestLimit: 'peer' | 'memory' | null
  /** The shortest time from a request to its block, and the recent mean. */
  readonly roundTripMs: number
  readonly waitMs: number
}
