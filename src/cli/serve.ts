import { messageOf } from '../errors.ts'
import type { NameOptions } from '../metainfo/name.ts'
import { pick } from '../pick.ts'
import { HttpServer } from '../server/http-server.ts'
import type { Shelf } from '../server/shelf.ts'
import { findFiles } from '../storage/find-files.ts'
import { HTTP_ADDRESS, type HttpAddress } from './http-address.ts'
import { interruptible } from './interruptible.ts'
import { JsonReporter } from './json-reporter.ts'
import { load } from './load.ts'
import { Reach, type ReachOptions } from './reach.ts'
import { type Reporter, reportFailure } from './reporter.ts'
import { openServing, type Serving, type ServingOptions } from './serving.ts'
import { TextReporter } from './text-reporter.ts'
import { findToken, type TokenOptions } from './token.ts'

export interface ServeOptions extends ServingOptions, ReachOptions, TokenOptions, NameOptions {
  /** Where HTTP is served. @default 127.0.0.1:8642, or a port that is free when another has that one */
  readonly http?: HttpAddress
  /** Files that are read at once. @default 32 */
  readonly maxReaders?: number
  /** HTTP connections at most. @default 256 */
  readonly maxClients?: number
  /** Of those, from one address. @default 32, from loopback 128 */
  readonly maxClientsPerAddress?: number
  readonly json?: boolean
  readonly quiet?: boolean
  readonly verbose?: boolean
}

/** Serves the files of torrents over HTTP until a signal. Never throws: returns the exit code. */
export async function serve(sources: readonly string[], options: ServeOptions): Promise<number> {
  const reporter: Reporter = options.json ? new JsonReporter() : new TextReporter(options)
  const shelf = new Map<string, Serving>()
  const reach = new Reach(options, reporter)
  const open = { server: undefined as HttpServer | undefined }
  const close = async () => {
    await Promise.all([open.server?.close(), ...Array.from(shelf.values(), serving => serving.close())])
  }
  try {
    const torrents = await Promise.all(
      sources.map(source => load(source, { reach, reporter, timeout: 0, ...pick(options, 'portableNames') })),
    )
    const server = await listening(shelf, options)
    open.server = server
    server.on('warning', error => reporter.warning(codeOf(error.cause), messageOf(error)))
    const shared = await reach.options()
    return await interruptible({ close }, async () => {
      for (const { metainfo: loaded, peers } of torrents) {
        const hash = loaded.infoHash.toString('hex')
        if (shelf.has(hash)) continue
        const { output: directory } = options
        const metainfo = directory === undefined ? loaded : await findFiles(loaded, { directory })
        reporter.metadata(metainfo, () => true)
        shelf.set(
          hash,
          openServing(metainfo, options, reporter, { ...shared, peers: [...shared.peers, ...peers] }),
        )
      }
      reporter.serving(server.url)
      return failing(shelf, reporter)
    })
  } catch (error) {
    await close()
    return reportFailure(error, reporter)
  } finally {
    await reach.close()
    reporter.close()
  }
}

/** Never resolves; rejects when the last torrent has failed. Those that fail before are served no more. */
function failing(shelf: Map<string, Serving>, reporter: Reporter): Promise<never> {
  return new Promise((_, reject) => {
    for (const [hash, serving] of shelf) {
      serving.failed.catch(error => {
        shelf.delete(hash)
        void serving.close()
        if (shelf.size === 0) reject(error)
        else reporter.warning(codeOf(error), messageOf(error))
      })
    }
  })
}

/** A server where the options say. Another program at our usual port is no reason to fail, if no port was named. */
async function listening(shelf: Shelf, options: ServeOptions): Promise<HttpServer> {
  const {
    http,
    maxReaders,
    maxClients: maxConnections,
    maxClientsPerAddress: maxConnectionsPerAddress,
  } = options
  const given = {
    token: findToken(options, process.env),
    maxReaders,
    maxConnections,
    maxConnectionsPerAddress,
  }
  const common = pick(given, 'token', 'maxReaders', 'maxConnections', 'maxConnectionsPerAddress')
  try {
    return await new HttpServer(shelf, { ...(http ?? HTTP_ADDRESS), ...common }).listen()
  } catch (error) {
    const taken = ((error as Error).cause as NodeJS.ErrnoException | undefined)?.code === 'EADDRINUSE'
    if (http || !taken) throw error
    return new HttpServer(shelf, { ...HTTP_ADDRESS, port: 0, ...common }).listen()
  }
}

function codeOf(error: unknown): string {
  return (error as { code?: string } | undefined)?.code ?? 'ERR_FAULT'
}
