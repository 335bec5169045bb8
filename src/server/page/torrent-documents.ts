/** The types of the documents of one torrent: JSON without null, so that differences are merge patches. */
import type { ListedTorrent } from './documents.ts'

/** The map of the pieces. */
export type ListedPieces = {
  readonly count: number
  /** Pieces of a cell. */
  readonly cellSize: number
  /** Rows of 64 cells by number: see `piece-cells.ts`. */
  readonly rows: { readonly [row: string]: string }
  /** Verified pieces. */
  readonly have: number
  /** Pieces with blocks that were requested or have arrived. */
  readonly active: number
  /** Missing pieces that readers need soon. */
  readonly next: number
  /** Wanted pieces that are not verified. */
  readonly missing: number
  /** Connected peers with every piece. They are not counted in the cells. */
  readonly seeds: number
  /** Whole copies among the connected peers, and as a fraction the part of the next one. */
  readonly availability: number
}

/** The last ten minutes. Samples without any bytes are missing. */
export type ListedRates = {
  /** Milliseconds of a sample. */
  readonly sampleMs: number
  /** The number of the present sample. */
  readonly now: number
  /** Bytes received and sent, by the number of the sample. */
  readonly samples: { readonly [slot: string]: readonly [down: number, up: number] }
}

/** A tracker. Times are in milliseconds since 1970. */
export type ListedTracker = {
  readonly state: 'working' | 'failing' | 'untried' | 'asking'
  readonly error?: string
  /** When it last answered, and when it is asked next. */
  readonly answered?: number
  readonly next?: number
  /** Peers in the last answer, and its counts of the swarm. */
  readonly peers?: number
  readonly seeders?: number
  readonly leechers?: number
}

/** The last lookup in the DHT. Times are in milliseconds since 1970. */
export type ListedDht = {
  readonly isAsking: boolean
  /** Peers that it found, and nodes that answered. */
  readonly peers: number
  readonly nodes: number
  readonly answered?: number
  readonly next?: number
}

/** A web seed. */
export type ListedWebSeed = {
  readonly state: 'active' | 'asking' | 'resting' | 'waiting'
  readonly downloaded: number
  /** Blocks that are requested. */
  readonly outstanding: number
  readonly failure?: string
  /** When it is asked again, in milliseconds since 1970. */
  readonly next?: number
}

/** The pieces that a reader waits for. */
export type ListedAwaited = {
  readonly first: number
  readonly last: number
  /** The part of the first one that has arrived, from 0 to 1. */
  readonly part: number
  /** Peers that are sending it. */
  readonly peers: number
}

/** The fields of a .torrent that the page shows. */
export type ListedFacts = {
  readonly size: number
  readonly files: number
  readonly pieceLength: number
  /** The path of the largest film that can be opened, or of the largest sound if there is no film. */
  readonly media?: string
  readonly comment?: string
  readonly createdBy?: string
  /** Milliseconds since 1970. */
  readonly created?: number
  readonly isPrivate?: boolean
  /** The tag in its info dictionary. */
  readonly source?: string
  /** The directory of its files on the machine of the server. */
  readonly directory?: string
}

/** The topic `torrent:INFOHASH`. */
export type TorrentDocument = {
  readonly torrent: ListedTorrent
  /** What limits the download, in one sentence. */
  readonly why?: string
  /** The outcome of each peer, by address, if no block arrives. */
  readonly outcomes?: { readonly [address: string]: string }
  readonly magnet: string
  /** Missing while the metadata is not known. */
  readonly facts?: ListedFacts
  /** Missing before the storage is known. */
  readonly pieces?: ListedPieces
  readonly rates: ListedRates
  readonly trackers: { readonly [url: string]: ListedTracker }
  readonly dht?: ListedDht
  readonly webSeeds: { readonly [name: string]: ListedWebSeed }
  readonly awaited?: ListedAwaited
}

/** A connected peer. */
export type ListedPeer = {
  readonly address: string
  readonly client: string
  /** `option`, `PEX`, `DHT`, `LSD`, `incoming` or the name of a tracker. */
  readonly source: string
  readonly isEncrypted: boolean
  /** The part of the pieces that it has, from 0 to 1. */
  readonly part: number
  readonly down: number
  readonly up: number
  readonly downloaded: number
  readonly uploaded: number
  /** Number of blocks that we requested and have not received. */
  readonly outstanding: number
  /** Milliseconds since 1970. */
  readonly since: number
  /** True while we are interested in it; true while it does not choke us. */
  readonly isWanted: boolean
  readonly isChoking: boolean
  /** True while it is interested in us; true while we choke it. */
  readonly isInterested: boolean
  readonly isChoked: boolean
  /** True if it has not answered in time. */
  readonly isSnubbed: boolean
}

/** A peer that has disconnected. */
export type ListedDeparted = {
  readonly address: string
  readonly client: string
  readonly reason: string
  /** Milliseconds since 1970. */
  readonly ended: number
  /** Seconds. */
  readonly lasted: number
  readonly downloaded: number
  readonly uploaded: number
}

/** The topic `peers:INFOHASH`. Keys are numbers that stay with their peers. */
export type PeersDocument = {
  readonly peers: { readonly [id: string]: ListedPeer }
  /** Connected peers that are left out, as there are too many. */
  readonly more: number
  readonly departed: { readonly [id: string]: ListedDeparted }
}

/** A file. */
export type FileRow = {
  /** Relative to the directory of the torrent, with `/`. */
  readonly path: string
  readonly length: number
  /** Bytes in verified pieces. */
  readonly have: number
  readonly priority: 'off' | 'low' | 'normal' | 'high'
  /** True if it can be opened although it is not selected, as all its pieces are verified. */
  readonly isStored?: true
}

/** The topic `files:INFOHASH`. Files are named by their index in the .torrent. */
export type FilesDocument = {
  readonly isKnown: boolean
  readonly total: number
  readonly files: { readonly [index: string]: FileRow }
}
