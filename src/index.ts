/** The public API of tsdl. Parts of it have their own entry: `tsdl/streams`, `/codec`, `/metainfo`, `/storage`, `/server`. */

// Many torrents

export type { ClientOptions } from './pipeline/client/client-options.ts'
export { type AddOptions, Client, type ClientEvents } from './pipeline/client.ts'
export { MergedTorrentError } from './pipeline/merged-torrent-error.ts'
export { type LoadBlocklistOptions, loadBlocklist } from './pipeline/sources/load-blocklist.ts'
export { isMetainfo, loadSource, type TorrentSource } from './pipeline/sources/torrent-source.ts'

// Many torrents that are remembered

export type { SessionFile } from './session/files/torrent-files.ts'
export { CommandHook, type CommandHookOptions } from './session/hooks/command-hook.ts'
export type { Hook, HookEvent, HookEventName } from './session/hooks/hook-event.ts'
export {
  SessionHooks,
  type SessionHooksEvents,
  type SessionHooksOptions,
} from './session/hooks/session-hooks.ts'
export { Webhook, type WebhookOptions } from './session/hooks/webhook.ts'
export type { Limit } from './session/records/fields.ts'
export type { FilePriority } from './session/records/file-priorities.ts'
export type {
  BandwidthGroup,
  SessionRecord,
  SessionSettings,
  SessionTotals,
} from './session/records/session-record.ts'
export type { SessionTorrentOptions, TorrentRecord } from './session/records/torrent-record.ts'
export { chooseRunning, type Queued, type QueuePlaces } from './session/rules/queue.ts'
export { endOfSharing, type SeedLimits, type SeedRule, type Shared } from './session/rules/seed-rules.ts'
export { isWithin, type WeeklyTimes, type WeekTime } from './session/rules/weekly-times.ts'
export { Session } from './session/session.ts'
export type { SessionBlocklist } from './session/session-blocklist.ts'
export { DuplicateTorrentError, type SessionEvents, type SessionOptions } from './session/session-options.ts'
export { SessionTorrent } from './session/session-torrent.ts'
export { FileStateStore, type FileStateStoreOptions } from './session/store/file-state-store.ts'
export type { StateStore, StoredState } from './session/store/state-store.ts'
export { magnetLinkOf } from './session/torrent/magnet-link.ts'
export type { NewTorrentOptions } from './session/torrent/new-torrent.ts'
export type { SessionTorrentStatus } from './session/torrent/session-torrent-status.ts'
export type { MoveOptions } from './session/torrent/torrent-jobs.ts'
export type { SessionProgress } from './session/torrent/torrent-progress.ts'
export type { QueueMove, TorrentQueue } from './session/torrent-queue.ts'
export {
  WatchDirectory,
  type WatchDirectoryEvents,
  type WatchDirectoryOptions,
} from './session/watch-directory.ts'

// One torrent

export type { AddTorrentOptions } from './pipeline/add-torrent.ts'
export {
  type DirectoryOptions,
  type DownloadOptions,
  directoryContent,
  download,
} from './pipeline/download.ts'
export {
  type FetchMetadataOptions,
  fetchMetadata,
  type MetadataListeners,
  whenReady,
} from './pipeline/fetch-metadata.ts'
export type { ReaderOptions, TorrentReader } from './pipeline/open-reader.ts'
export { type ShareOptions, share } from './pipeline/share.ts'
export { rangeContent, type StreamOptions, stream } from './pipeline/stream.ts'
export { type PackTarOptions, packTar, type StreamTarOptions, streamTar } from './pipeline/stream-tar.ts'

// .torrent files

export { type ScrapeOptions, type ScrapeResult, scrape } from './discovery/scrape.ts'
export type { CreateFromPathOptions } from './hashing/create-from-path.ts'
export { create } from './hashing/create-torrent.ts'
export type { ContentPlan, PieceHashes, PlannedFile } from './metainfo/content-plan.ts'
export { type Created, type CreateOptions, defaultPieceLength } from './metainfo/create.ts'
export { isMagnet, type Magnet, parseMagnet } from './metainfo/magnet.ts'
export type { FileEntry, Metainfo, TorrentFormat } from './metainfo/metainfo.ts'
export type { NameOptions } from './metainfo/name.ts'
export { MAX_TORRENT_SIZE, openMetainfo, parse } from './metainfo/parse.ts'
export type { SourceFile } from './metainfo/source-file.ts'
export { torrentOf } from './metainfo/torrent.ts'
export { type FindDamagedBlocksOptions, findDamagedBlocks } from './pipeline/find-damaged-blocks.ts'
export type { LeafSource } from './pipeline/pieces/block-verification.ts'
export { type LoadTorrentOptions, loadTorrent, parseTorrent } from './pipeline/sources/load-torrent.ts'
export { type VerifyOptions, verify } from './pipeline/verify.ts'

// Several sinks

export {
  type Destination,
  type FanOutOptions,
  type FanSource,
  fanOut,
} from './pipeline/sinks/fan-out.ts'
export type { AnyWritable } from './pipeline/sinks/sink-writer.ts'
export { type TarChoice, type TarOptions, tarOf, tarSize } from './pipeline/sinks/tar.ts'

// Classes

export type { AddressRange } from './codec/address-range.ts'
export { AddressRanges } from './codec/address-ranges.ts'
export { Bitfield } from './codec/bitfield.ts'
export { Dht, type DhtOptions } from './dht/dht.ts'
export { LocalDiscovery, type LocalDiscoveryOptions } from './discovery/local-discovery.ts'
export type { SharedDht, SharedLsd } from './discovery/peer-sources.ts'
export { Layout, type Span } from './metainfo/layout.ts'
export type {
  Bottleneck,
  BottleneckKind,
  Evidence,
  FastestPeer,
  PeerOutcome,
} from './pipeline/diagnosis/bottleneck.ts'
export type { Peer } from './pipeline/peer/peer.ts'
export type { ContentOptions } from './pipeline/pieces/content-options.ts'
export type { Contribution } from './pipeline/pieces/contributions.ts'
export { piecesOf } from './pipeline/pieces/wanted.ts'
export type { ByteRange, ReadOptions, TorrentFile } from './pipeline/reading/torrent-file.ts'
export { type CheckOptions, check } from './pipeline/resume/check.ts'
export { resumeAt } from './pipeline/resume/find-verified-pieces.ts'
export { Listener, type ListenerOptions } from './pipeline/swarm/listener.ts'
export type { MetadataProgress, Progress, ProgressCounts } from './pipeline/torrent/progress.ts'
export type { TorrentEvents, TorrentState } from './pipeline/torrent/torrent-events.ts'
export { Torrent } from './pipeline/torrent.ts'

// Options

export { formatAddress, type PeerAddress, parseAddress } from './codec/compact.ts'
export type { Encryption } from './codec/mse.ts'
export type { TorrentOptions } from './pipeline/torrent/torrent-options.ts'
export { type Clock, systemClock, type Timer } from './ports/clock.ts'
export { type FileSystem, type ListingFileSystem, nodeFileSystem } from './ports/file-system.ts'
export type { HttpOpen, HttpOpenOptions, HttpResponse } from './ports/http-client.ts'

// Storage

export * from './storage/index.ts'

// Errors

export {
  DiscoveryError,
  type ErrorCode,
  InputError,
  messageOf,
  PeerError,
  StalledError,
  StorageError,
  TsdlError,
} from './errors.ts'
export { VERSION } from './version.ts'
