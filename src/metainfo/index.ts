/** .torrent files and magnet links, without network and disk: `tsdl/metainfo`. */

export type { ContentPlan, PieceHashes, PlannedFile } from './content-plan.ts'
export { type Created, type CreateOptions, create, defaultPieceLength } from './create.ts'
export { editTorrent, type TorrentChanges } from './edit-torrent.ts'
export { Layout, type Span } from './layout.ts'
export { isMagnet, joined, type Magnet, metainfoOf, parseMagnet, selectedByLink } from './magnet.ts'
export type { FileEntry, Metainfo, TorrentFormat } from './metainfo.ts'
export type { NameOptions } from './name.ts'
export { MAX_TORRENT_SIZE, openInfo, openMetainfo, parse, parseInfo } from './parse.ts'
export { PieceTrees, type RunningHash, type TreePlacement } from './piece-trees.ts'
export type { SourceFile } from './source-file.ts'
export { torrentOf } from './torrent.ts'
export { trackerFault, webSeedFault } from './trackers.ts'
