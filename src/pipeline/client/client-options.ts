import type dgram from 'node:dgram'
import type net from 'node:net'
import type { AddressFamily } from '../../codec/address-family.ts'
import type { AddressRanges } from '../../codec/address-ranges.ts'
import type { PeerAddress } from '../../codec/compact.ts'
import type { Encryption } from '../../codec/mse.ts'
import type { Clock } from '../../ports/clock.ts'
import type { FileSystem } from '../../ports/file-system.ts'
import type { HttpOpen } from '../../ports/http-client.ts'

/** Options of `Client`. */
export interface ClientOptions {
  /** The TCP port that peers connect to. @default a free one */
  readonly port?: number
  /** The last port of a range that begins with `port`. The first free one is used. @default `port` */
  readonly lastPort?: number
  /** An IP address of this machine: the client listens and dials there. @default all addresses */
  readonly bind?: string
  /** The only address family to use, for peers, trackers, the DHT, LSD, web seeds and .torrent URLs. @default both */
  readonly family?: AddressFamily
  /** False to accept no connections. @default true */
  readonly listen?: boolean
  /** The policy for encrypted connections (MSE): see `TorrentOptions.encryption`. @default 'prefer' */
  readonly encryption?: Encryption
  /**
   * Addresses to which no torrent connects, and from which it accepts no connection: ranges, or the path or the URL of a
   * list (see `loadBlocklist`), which is loaded for the first torrent. The option `peers` of a torrent overrides it. @default none
   */
  readonly blocklist?: string | AddressRanges
  /** False to use no DHT. It is never used for private torrents. @default true */
  readonly dht?: boolean
  /** DHT nodes for bootstrapping. @default well-known routers */
  readonly dhtNodes?: readonly PeerAddress[]
  /** False to look for no peers in the local network (LSD). @default true */
  readonly lsd?: boolean
  /** False to exchange no addresses with peers (PEX). @default true */
  readonly pex?: boolean
  /** False to ask no trackers. @default true */
  readonly trackers?: boolean
  /** Rate limits of all torrents together, in bytes per second. @default no limit */
  readonly up?: number
  readonly down?: number
  /** Maximum number of connections of all torrents together. @default 200 */
  readonly maxPeers?: number
  /** Bytes of memory for pieces and requests of all torrents together. @default 64 MiB */
  readonly memory?: number
  /**
   * Maximum number of open files of all torrents together, at least 1.
   * @default a quarter of the descriptors that the process may have, 128 to 1,024
   */
  readonly maxOpenFiles?: number
  /**
   * Number of threads that hash files when torrents are checked, 0 for none. They start when there is much to hash.
   * @default one for each core, at most 4; none with one core
   */
  readonly hashThreads?: number
  /** A directory for resume records and DHT nodes. @default nothing is kept */
  readonly stateDirectory?: string
  /** The peer id, 20 bytes. @default random, with our prefix */
  readonly peerId?: Uint8Array

  /** The file system of sources, downloads and records. @default that of this machine */
  readonly fs?: FileSystem
  readonly clock?: Clock
  /** Numbers from 0 to below 1. @default Math.random */
  readonly random?: () => number
  /** Opens TCP connections. @default node:net */
  readonly connect?: typeof net.connect
  /** Opens the TCP port. @default node:net */
  readonly createServer?: typeof net.createServer
  /** Opens UDP sockets of the DHT and of LSD. @default node:dgram */
  readonly createSocket?: typeof dgram.createSocket
  /** Requests web seeds and .torrent URLs. @default node:http and node:https */
  readonly http?: HttpOpen
}
