import { once } from 'node:events'
import type { Test } from 'tap'
import { isolated } from '../isolated.ts'
import { inProject } from '../project.ts'
import type { JsonEvent } from './client.ts'
import type { Content } from './content.ts'
import { type Running, startProgram } from './process.ts'

const cli = inProject('dist/cli.js')

/** A run of the command line during a test. */
export interface Tsdl extends Running {
  /** All events of `--json` so far. */
  events(): JsonEvent[]
  /** Resolves with the first event, past or future, that `match` accepts. Rejects if the run ends without one. */
  event(match: (event: JsonEvent) => boolean): Promise<JsonEvent>
  /** Resolves with its exit code; null when a signal ended it. */
  readonly ended: Promise<number | null>
}

/** A run that other peers can reach. */
export interface ListeningTsdl extends Tsdl {
  /** HOST:PORT. */
  readonly address: string
}

/**
 * Starts the built command line with `--json` and these arguments; without the DHT, unless nodes are named, and without LSD.
 * @param network a prefix of its command, with which it runs in a separate network, where LSD is on
 */
export function startTsdl(t: Test, args: readonly string[], network: readonly string[] = []): Tsdl {
  const running = startProgram(t, [
    ...network,
    process.execPath,
    cli,
    ...isolated(args, network.length > 0),
    '--json',
  ])
  const { child, output } = running
  // The text after the last line break is an incomplete line.
  const events = () =>
    output()
      .split('\n')
      .slice(0, -1)
      .filter(line => line.startsWith('{'))
      .map(line => JSON.parse(line) as JsonEvent)
  const event = (match: (event: JsonEvent) => boolean) =>
    new Promise<JsonEvent>((resolve, reject) => {
      const look = () => {
        const found = events().find(match)
        if (found) resolve(found)
        return found !== undefined
      }
      child.stderr?.on('data', look)
      child.once('close', code => {
        if (!look()) reject(new Error(`tsdl ${args.join(' ')}\nended with ${code}: ${output().slice(-2000)}`))
      })
      look()
    })
  const ended = once(child, 'close').then(([code]) => code as number | null)
  return { ...running, events, event, ended }
}

/** Starts `tsdl seed` of `content`, on loopback and without a tracker, unless `args` override that. */
export function seedWithTsdl(
  t: Test,
  content: Pick<Content, 'torrent' | 'dir'>,
  args: readonly string[] = ['--no-tracker'],
) {
  return listening(startTsdl(t, ['seed', content.torrent, content.dir, '--bind', '127.0.0.1', ...args]))
}

/** Starts `tsdl get` of `content` from only `peers`, on loopback, into `dir`. */
export function getWithTsdl(
  t: Test,
  content: Content,
  dir: string,
  peers: readonly string[],
  args: readonly string[],
) {
  const given = peers.flatMap(peer => ['--peer', peer])
  const where = ['-o', dir, '--bind', '127.0.0.1', '--no-tracker']
  return listening(startTsdl(t, ['get', content.torrent, ...where, ...given, ...args]))
}

/** Downloads `content` to `dir` with tsdl, from the peers that its trackers name. Returns its errors, '' for none. */
export async function fetchWithTsdl(t: Test, content: Content, dir: string) {
  const leech = startTsdl(t, ['get', content.torrent, '-o', dir, '--bind', '127.0.0.1'])
  const code = await leech.ended
  return code === 0 ? '' : `exit ${code}: ${leech.output().slice(-2000)}`
}

async function listening(tsdl: Tsdl): Promise<ListeningTsdl> {
  const { address = '' } = await tsdl.event(({ event }) => event === 'listening')
  return { ...tsdl, address }
}
