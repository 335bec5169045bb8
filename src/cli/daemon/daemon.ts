import { join, resolve } from 'node:path'
import { messageOf } from '../../errors.ts'
import {
  type Client,
  CommandHook,
  DuplicateTorrentError,
  FileStateStore,
  Session,
  SessionHooks,
  systemClock,
  type TsdlError,
  WatchDirectory,
  Webhook,
} from '../../index.ts'
import { pick } from '../../ports/pick.ts'
import { createPage, createRemoteControl, HttpServer, SessionFiles } from '../../server/index.ts'
import { createClient, torrentOptionsOf } from '../client.ts'
import type { CommandContext } from '../command-definition.ts'
import type { HttpAddress } from '../http-address.ts'
import { httpLimitsOf } from '../http-options.ts'
import { reportFailure } from '../reporter.ts'
import { runUntilSignal } from '../run-until-signal.ts'
import { openSource } from '../source.ts'
import { sharedLocks, stateDirectory } from '../state.ts'
import { findPassword, findToken } from '../token.ts'
import { type DaemonOptions, newTorrentOptionsOf, settingsOf } from './daemon-options.ts'
import { DaemonReporter } from './daemon-reporter.ts'
import { inheritedSocket, notifyServiceManager } from './service-manager.ts'

/** The default address: the port that remote controls of Transmission expect. */
const DEFAULT_ADDRESS: HttpAddress = { host: '127.0.0.1', port: 9091 }
/** Maximum number of connections, the default of `Client`. */
const DEFAULT_MAX_PEERS = 200
/** Milliseconds to save and to close all torrents after a signal. */
const CLOSE_TIMEOUT_MS = 60_000

/** Runs a session until a signal, and serves it over HTTP. Returns the exit code; never throws. */
export async function daemon(
  sources: readonly string[],
  options: DaemonOptions,
  context: CommandContext,
): Promise<number> {
  const reporter = new DaemonReporter(options)
  const parts: { close(): Promise<void> }[] = []
  const close = async () => {
    await notifyServiceManager(['STOPPING=1'], context.environment)
    // in the reverse order of opening
    for (const part of parts.splice(0).reverse()) await part.close()
  }
  try {
    const run = () => runDaemon(sources, options, { ...context, reporter, parts })
    return await runUntilSignal({ close }, run, systemClock, CLOSE_TIMEOUT_MS)
  } catch (error) {
    return reportFailure(error, reporter)
  }
}

interface DaemonContext extends CommandContext {
  readonly reporter: DaemonReporter
  /** The objects to close at the end. */
  readonly parts: { close(): Promise<void> }[]
}

/** Opens everything, and never resolves. */
async function runDaemon(
  sources: readonly string[],
  options: DaemonOptions,
  { environment, parts, readOptions, reporter }: DaemonContext,
): Promise<number> {
  // the rates and the blocklist are the session's, which can change
  const { blocklist, down: _, up: __, ...clientOptions } = options
  const client = createClient(clientOptions, reporter)
  parts.push(client)
  const { hook = [], hashThreads, output = '.', root, state, watch = [], webhook = [] } = options
  const warn = ({ code, message }: TsdlError) => reporter.reportWarning(code, message)
  const session = await Session.open({
    ...{ client, directory: resolve(output), locks: sharedLocks(), settings: settingsOf(options) },
    store: new FileStateStore(resolve(state ?? join(stateDirectory(), 'daemon'))),
    names: pick(options, 'portableNames'),
    torrentOptions: pick(torrentOptionsOf(options), 'allowLocal', 'maxPeersPerAddress', 'webSeeds'),
    ...(root ? { roots: root.map(path => resolve(path)) } : {}),
    ...pick({ hashThreads }, 'hashThreads'),
  })
  parts.push(session)
  reporter.follow(session)
  const hooks = new SessionHooks(session, [
    ...hook.map(program => new CommandHook(program)),
    ...webhook.map(url => new Webhook(url)),
  ])
  hooks.on('warning', warn)
  parts.push(hooks)
  const watched = watch.map(directory => new WatchDirectory(session, resolve(directory)))
  for (const directory of watched) directory.on('warning', warn)
  parts.push(...watched)
  if (blocklist !== undefined) {
    // the remembered list is in use until the new one is loaded
    if (session.blocklist.size === 0) await session.blocklist.update()
    else session.blocklist.update().catch(warn)
  }
  await addSources(session, sources, options)
  const server = await openServer(session, client, options, environment, error =>
    reporter.reportWarning((error as TsdlError).code ?? 'ERR_FAULT', messageOf(error)),
  )
  server.on('warning', error => reporter.reportWarning('ERR_CONNECTION', messageOf(error)))
  parts.push(server)
  const reload = async () => {
    try {
      const settings = settingsOf((await readOptions()) as unknown as DaemonOptions)
      await session.set(settings)
      await Promise.all(watched.map(directory => directory.look()))
      if (settings.blocklist) await session.blocklist.update()
      reporter.reportReload()
    } catch (error) {
      warn(error as TsdlError)
    }
  }
  const onHangup = () => void reload()
  process.on('SIGHUP', onHangup)
  parts.push({ close: async () => void process.off('SIGHUP', onHangup) })
  reporter.reportReady(server.url, session.torrents.length)
  await notifyServiceManager(['READY=1'], environment)
  return new Promise(() => {})
}

/** Adds the torrents of the command line. Torrents that the session has already are not changed. */
async function addSources(
  session: Session,
  sources: readonly string[],
  options: DaemonOptions,
): Promise<void> {
  for (const source of new Set(sources)) {
    const parsed = await openSource(source, options)
    await session.add(parsed, newTorrentOptionsOf(options)).catch(error => {
      if (!(error instanceof DuplicateTorrentError)) throw error
    })
  }
}

/** Opens the server, on the socket of the service manager if there is one. */
async function openServer(
  session: Session,
  client: Client,
  options: DaemonOptions,
  environment: NodeJS.ProcessEnv,
  onWarning: (error: unknown) => void,
): Promise<HttpServer> {
  const { http = DEFAULT_ADDRESS, user } = options
  const { dht, encryption = 'prefer', lsd, maxPeers = DEFAULT_MAX_PEERS, pex, state } = options
  const apis = createRemoteControl({
    ...{ session, client, onWarning, fixed: { dht, encryption, lsd, maxPeers, pex } },
    shutDown: () => process.kill(process.pid, 'SIGTERM'),
    stateDirectory: resolve(state ?? join(stateDirectory(), 'daemon')),
    webDirectory: options.web ?? environment.TRANSMISSION_WEB_HOME,
  })
  const torrentOptions = {
    ...pick(torrentOptionsOf(options), 'allowLocal', 'maxPeersPerAddress'),
    ...pick(options, 'portableNames'),
  }
  const page = createPage({ session, client, torrentOptions, onWarning })
  const token = findToken(options)
  const fd = inheritedSocket(environment)
  const given = { fd, user, password: findPassword(options), token }
  return new HttpServer(new SessionFiles(session), {
    ...{ ...http, apis, page },
    ...pick(given, 'fd', 'password', 'token', 'user'),
    ...httpLimitsOf(options),
  }).listen()
}
