import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { pathToFileURL } from 'node:url'
import { inProject } from '../project.ts'
import type { Content } from './content.ts'

const cli = inProject('dist/cli.js')
const entry = pathToFileURL(inProject('dist/index.js'))

/** The result of a run of the command line. */
export interface BlockRun {
  readonly code: number | null
  readonly stderr: string
  /** The lines of `--json`, without lines that are not JSON. */
  readonly events: readonly JsonEvent[]
}

/** One line of `--json`, with the fields that tests read. */
export interface JsonEvent {
  readonly event: string
  readonly verified?: number
  readonly total?: number
  readonly downloaded?: number
  readonly uploaded?: number
  /** Seconds. */
  readonly elapsed?: number
  readonly address?: string
  readonly url?: string
  readonly state?: string
}

/** Options of a run besides its arguments. */
export interface RunOptions {
  /** A file for standard output, as with `>` of a shell. */
  readonly to?: string
  /** Called with each event. If it returns true, the run is killed with SIGKILL. */
  readonly killWhen?: (event: JsonEvent) => boolean
}

/** Runs the built command line on `content` with `peers` and no other source of peers. */
export async function runClient(
  content: Content,
  peers: readonly string[],
  args: readonly string[],
  options: RunOptions = {},
): Promise<BlockRun> {
  const stdout = options.to === undefined ? 'ignore' : openSync(options.to, 'w')
  const given = peers.flatMap(peer => ['--peer', peer])
  const argv = [cli, content.torrent, '--no-tracker', '--no-dht', '--no-lsd', ...given, ...args]
  const child = spawn(process.execPath, argv, { stdio: ['ignore', stdout, 'pipe'] })
  const end = () => child.kill('SIGKILL')
  process.once('exit', end)
  const events: JsonEvent[] = []
  let stderr = ''
  let partial = ''
  child.stderr?.on('data', chunk => {
    stderr += chunk
    const lines = `${partial}${chunk}`.split('\n')
    partial = lines.pop() ?? ''
    for (const line of lines) {
      if (!line.startsWith('{')) continue
      const event = JSON.parse(line) as JsonEvent
      events.push(event)
      if (options.killWhen?.(event)) end()
    }
  })
  const [code] = await once(child, 'close')
  process.off('exit', end)
  if (typeof stdout === 'number') closeSync(stdout)
  return { code, stderr, events }
}

/**
 * The built library, as users import it. The import is dynamic, because the types come from src/, which needs no build.
 */
export const library = (): Promise<typeof import('../../../src/index.ts')> => import(entry.href)

/** Options with which the library contacts only the given peers. */
const ALONE_COMMAND = { dht: false, lsd: false, trackers: false, bind: '127.0.0.1' }

/** Downloads `content` to `dir` with the library. */
export async function fetchWithLibrary(content: Content, peers: readonly string[], dir: string) {
  const { download, parse, parseAddress } = await library()
  const options = { ...ALONE_COMMAND, output: dir, peers: peers.map(parseAddress) }
  const torrent = await download(parse(await readFile(content.torrent)), options)
  await torrent.done
  await torrent.close()
}

/** Reads the one file of `content` with the library, and keeps no byte of it. Returns its SHA-1 in hex. */
export async function streamWithLibrary(content: Content, peers: readonly string[]) {
  const { parse, parseAddress, stream } = await library()
  const options = { ...ALONE_COMMAND, peers: peers.map(parseAddress) }
  const hash = createHash('sha1')
  for await (const chunk of stream(parse(await readFile(content.torrent)), options))
    hash.update(chunk as Buffer)
  return hash.digest('hex')
}
