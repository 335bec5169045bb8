import { messageOf } from '../errors.ts'
import { type Client, findFiles, type NameOptions } from '../index.ts'
import { pick } from '../ports/pick.ts'
import { createPage, createWhyApi, HttpServer, type ServedTorrents } from '../server/index.ts'
import { createClient, type ExchangeOptions, type PeerOptions, torrentOptionsOf } from './client.ts'
import { EXIT_CODES } from './exit.ts'
import { DEFAULT_HTTP_ADDRESS } from './http-address.ts'
import { type HttpOptions, httpLimitsOf } from './http-options.ts'
import { JsonReporter } from './json-reporter.ts'
import { load } from './load.ts'
import { largestFileUrl, openPlayer } from './open-player.ts'
import { type Reporter, reportFailure } from './reporter.ts'
import { runUntilSignal } from './run-until-signal.ts'
import { openServing, type Serving } from './serving.ts'
import { TextReporter } from './text-reporter.ts'
import { findToken, type TokenOptions } from './token.ts'

/** The options of `tsdl serve`. */
export interface ServeOptions extends PeerOptions, ExchangeOptions, TokenOptions, NameOptions, HttpOptions {
  /** The directory that keeps the data. @default in memory, for a while */
  readonly output?: string
  /** A player that gets the URL of the largest file. The server ends with it. */
  readonly open?: string
  readonly json?: boolean
  readonly quiet?: boolean
  readonly verbose?: boolean
}

const DEFAULT_MEMORY_BYTES = 64 << 20
/** The share of memory for bytes that were read already, because players seek back and forth. */
const KEEP_SHARE = 1 / 4

/** Serves the files of torrents over HTTP until a signal. Returns the exit code; never throws. */
export async function serve(sources: readonly string[], options: ServeOptions): Promise<number> {
  const reporter: Reporter = options.json ? new JsonReporter() : new TextReporter(options)
  const client = createClient(options, reporter)
  const served = new Map<string, Serving>()
  const open = { server: undefined as HttpServer | undefined }
  const close = async () => {
    await Promise.all([open.server?.close(), client.close()])
    await Promise.all(Array.from(served.values(), serving => serving.close()))
  }
  try {
    return await runUntilSignal({ close }, async () => {
      const token = findToken(options)
      const own = { ...torrentOptionsOf(options), ...pick(options, 'portableNames'), share: true }
      const unique = [...new Set(sources)]
      const torrents = await Promise.all(unique.map(source => load(source, client, reporter, own, options)))
      const server = await openServer(served, client, token, options)
      open.server = server
      server.on('warning', error => reporter.reportWarning(codeOf(error.cause), messageOf(error)))
      const { memory = DEFAULT_MEMORY_BYTES, output } = options
      const keep = (memory * KEEP_SHARE) / Math.max(1, torrents.length)
      for (const { torrent } of torrents) {
        const metainfo =
          output === undefined ? torrent.metainfo : await findFiles(torrent.metainfo, { directory: output })
        reporter.reportMetadata(metainfo, () => true)
        served.set(
          metainfo.infoHash.toString('hex'),
          openServing(torrent, metainfo, { output, keep }, reporter),
        )
      }
      reporter.reportServing(server.url)
      const failed = waitForFailure(served, reporter)
      const [first] = served.values()
      if (options.open === undefined || !first) return failed
      const closed = openPlayer(options.open, largestFileUrl(server.url, first.metainfo))
      return Promise.race([failed, closed.then(() => EXIT_CODES.ok)])
    })
  } catch (error) {
    await close()
    return reportFailure(error, reporter)
  } finally {
    await client.close()
    reporter.close()
  }
}

/** Rejects when the last torrent has failed. Stops serving each one that fails before. Never resolves. */
function waitForFailure(torrents: Map<string, Serving>, reporter: Reporter): Promise<never> {
  return new Promise((_, reject) => {
    for (const [hash, torrent] of torrents) {
      torrent.failed.catch(error => {
        torrents.delete(hash)
        void torrent.close()
        if (torrents.size === 0) reject(error)
        else reporter.reportWarning(codeOf(error), messageOf(error))
      })
    }
  })
}

/**
 * Opens the server at the address in the options. If they name none and the default port is taken, it uses a free one.
 */
async function openServer(
  torrents: ServedTorrents,
  client: Client,
  token: string | undefined,
  options: ServeOptions,
): Promise<HttpServer> {
  const { http } = options
  const page = () => createPage({ client, limits: pick(options, 'down', 'up') })
  const apis = [createWhyApi({ client })]
  const given = { apis, ...pick({ token }, 'token'), ...httpLimitsOf(options) }
  try {
    return await new HttpServer(torrents, {
      ...(http ?? DEFAULT_HTTP_ADDRESS),
      ...given,
      page: page(),
    }).listen()
  } catch (error) {
    const taken = systemCodeOf(error) === 'EADDRINUSE'
    if (http || !taken) throw error
    return new HttpServer(torrents, { ...DEFAULT_HTTP_ADDRESS, port: 0, ...given, page: page() }).listen()
  }
}

function systemCodeOf(error: unknown): string | undefined {
  return ((error as Error).cause as NodeJS.ErrnoException | undefined)?.code
}

function codeOf(error: unknown): string {
  return (error as { code?: string } | undefined)?.code ?? 'ERR_FAULT'
}
