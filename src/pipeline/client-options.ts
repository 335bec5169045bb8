import type dgram from 'node:dgram'
import type net from 'node:net'
import type { PeerAddress } from '../codec/compact.ts'
import type { Encryption } from '../codec/mse.ts'
import type { Clock } from '../ports/clock.ts'
import type { FileSystem } from '../ports/file-system.ts'
import type { HttpOpen } from '../ports/http-client.ts'

/** Options of `Client`. */
export interface ClientOptions {
  /** The TCP port that peers connect to. @default a free one */
  readonly port?: number
  /** An IP address of this machine: the client listens and dials there. @default all addresses */
  readonly bind?: string
  /** Whether peers may connect to us. @default true */
  readonly listen?: boolean
  /** Which connections are encrypted (MSE): see `TorrentOptions.encryption`. @default 'prefer' */
  readonly encryption?: Encryption
  /** Whether the DHT is used for public torrents. @default true */
  readonly dht?: boolean
  /** Nodes by which the DHT is entered. @default well-known routers */
  readonly dhtNodes?: readonly PeerAddress[]
  /** Whether peers are looked for in the local network (LSD). @default true */
  readonly lsd?: boolean
  /** Whether peers tell each other of peers (PEX). @default true */
  readonly pex?: boolean
  /** Whether the trackers of torrents are asked. @default true */
  readonly trackers?: boolean
  /** Bytes a second that all torrents together upload, or download, at most. @default no limit */
  readonly up?: number
  readonly down?: number
  /** Connections of all torrents together. @default 200 */
  readonly maxPeers?: number
  /** Bytes for everything in flight, of all torrents together. @default 64 MiB */
  readonly memory?: number
  /**
   * Number of threads that hash files when torrents are checked, 0 for none. They start when there is much to hash.
   * @default one for each core, at most 4; none with one core
   */
  readonly hashThreads?: number
  /** A directory for resume records and the nodes of the DHT. @default nothing is kept */
  readonly stateDirectory?: string
  /** Twenty bytes that name this client to peers and trackers. @default random, with our prefix */
  readonly peerId?: Uint8Array

  /** The file system of downloads and records. @default this machine's */
  readonly fs?: FileSystem
  readonly clock?: Clock
  /** Numbers from 0 to below 1. @default Math.random */
  readonly random?: () => number
  readonly connect?: typeof net.connect
  readonly createServer?: typeof net.createServer
  readonly createSocket?: typeof dgram.createSocket
  /** How web seeds are asked. @default node:http and node:https */
  readonly http?: HttpOpen
}
