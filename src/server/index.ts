/** Files of torrents over HTTP: `tsdl/server`. */

export type { ApiExchange, HttpApi } from './api/http-api.ts'
export { createHandler, type HandlerOptions, type HttpHandler } from './create-handler.ts'
export { HttpServer, type HttpServerEvents, type HttpServerOptions } from './http-server.ts'
export { createPage, type PageOptions } from './page/create-page.ts'
export { createRemoteControl, type RemoteControlOptions } from './remote-control.ts'
export { createWhyApi, type DiagnosedTorrent, type WhyApiOptions } from './reports/why-api.ts'
export type {
  ByteStream,
  ReadableTorrent,
  ResponseRange,
  ServedTorrent,
  ServedTorrents,
  TorrentCollection,
} from './served-torrents.ts'
export { SessionFiles } from './session-files.ts'
export type { FixedOptions } from './transmission/rpc-context.ts'
export { serveVerified, type VerifiedTorrent } from './verified-torrents.ts'
