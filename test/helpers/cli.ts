/** Runs the built program as a user does: `node dist/cli.js ...` in a separate process. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Content } from '../../src/cli/demo/content.ts'
import { Seed } from '../../src/cli/demo/seed.ts'
import { startTracker } from '../../src/cli/demo/tracker.ts'
import { formatAddress } from '../../src/codec/compact.ts'
import { type Metainfo, parse } from '../../src/index.ts'
import { create } from '../../src/metainfo/create.ts'
import { isolated } from './isolated.ts'
import { inProject } from './project.ts'

let offers = 0

const CLI_PATH = inProject('dist/cli.js')

/** A state directory for tests, so that their resume records are not in that of the user. */
const STATE_DIRECTORY = mkdtempSync(join(tmpdir(), 'tsdl-state-'))
process.once('exit', () => rmSync(STATE_DIRECTORY, { recursive: true, force: true }))

/** A shell command that runs a program with its own process id in LISTEN_PID, as a service manager does. */
const WITH_OWN_PID = 'LISTEN_PID=$$ exec "$0" "$@"'

export interface RunOptions {
  readonly cwd?: string
  /** Additional variables of its environment. */
  readonly env?: NodeJS.ProcessEnv
  /** Its standard input. @default empty */
  readonly stdin?: Uint8Array | string
  /** A descriptor for standard output, or `unread` if the caller reads it. @default it is collected */
  readonly stdout?: number | 'unread'
  /** A descriptor for standard error. @default it is collected */
  readonly stderr?: number
  /** Called with the process when it has started. */
  readonly started?: (child: ChildProcess) => void
  /** A descriptor that it inherits as 3, like one of a service manager. */
  readonly descriptor?: number
  /** A program to run instead of tsdl. */
  readonly program?: string
}

export interface Ran {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: Buffer
  readonly stderr: string
  /** The lines of stderr, without line breaks. */
  readonly lines: readonly string[]
}

/** Runs tsdl. Resolves when it has ended and its output was read. It looks for peers on this machine only. */
export function tsdl(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const { cwd, descriptor, env, program = CLI_PATH, started, stderr, stdin = '', stdout } = options
  const argv = [process.execPath, program, ...(program === CLI_PATH ? isolated(args) : args)]
  const [command, ...rest] = descriptor === undefined ? argv : ['sh', '-c', WITH_OWN_PID, ...argv]
  const child = spawn(command!, rest, {
    ...(cwd === undefined ? {} : { cwd }),
    // without NODE_OPTIONS, which contains the hooks of the test runner
    env: {
      PATH: process.env.PATH,
      XDG_STATE_HOME: STATE_DIRECTORY,
      XDG_CONFIG_HOME: STATE_DIRECTORY,
      ...env,
    },
    stdio: [
      'pipe',
      typeof stdout === 'number' ? stdout : 'pipe',
      stderr ?? 'pipe',
      ...(descriptor === undefined ? [] : [descriptor]),
    ],
  })
  const out: Buffer[] = []
  const err: Buffer[] = []
  if (stdout !== 'unread') child.stdout?.on('data', chunk => out.push(chunk))
  child.stderr?.on('data', chunk => err.push(chunk))
  child.stdin!.on('error', () => {})
  child.stdin!.end(stdin)
  started?.(child)
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => {
      const stderr = Buffer.concat(err).toString()
      const lines = stderr.split('\n').filter(line => line !== '')
      resolve({ code, signal, stdout: Buffer.concat(out), stderr, lines })
    })
  })
}

/** Returns the events that `--json` wrote. */
// biome-ignore lint/suspicious/noExplicitAny: tests read any field of an event
export function eventsOf({ lines }: Ran): any[] {
  return lines.map(line => JSON.parse(line))
}

export interface PeerPieces {
  readonly metainfo: Metainfo
  /** The .torrent, as bytes and as a file. It contains the tracker. */
  readonly torrent: Buffer
  readonly path: string
  /** The address of the seed, as a value of `--peer`. */
  readonly peer: string
  /** The bytes of all files, concatenated. */
  readonly bytes: Buffer
  /** Returns the bytes of one file. */
  file(index: number): Buffer
}

export interface OfferOptions {
  /** Lengths by path. The path '' makes a torrent of one file. @default one file of 300,000 bytes */
  readonly files?: Readonly<Record<string, number>>
  readonly name?: string
  /** @default 16 KiB */
  readonly pieceLength?: number
  /** Trackers, instead of the one that knows the seed. */
  readonly trackers?: readonly (readonly string[])[]
}

interface Test {
  teardown(call: () => unknown): unknown
  testdir(): string
  readonly testdirName: string
}

/** Creates a torrent in the directory of the test, with a tracker and a seed on loopback until the test ends. */
export async function offer(t: Test, options: OfferOptions = {}): Promise<PeerPieces> {
  const { files = { '': 300_000 }, name = 'content.bin', pieceLength = 16_384 } = options
  const length = Object.values(files).reduce((sum, size) => sum + size, 0)
  const content = new Content(length, pieceLength)
  const parts: Buffer[] = []
  for await (const piece of content) parts.push(piece)
  const bytes = Buffer.concat(parts)
  let offset = 0
  const sources = Object.entries(files).map(([path, length]) => {
    const own = bytes.subarray(offset, (offset += length))
    return {
      path: path === '' ? [] : path.split('/'),
      length,
      read: async function* () {
        yield own
      },
    }
  })
  const draft = parse((await create({ name, files: sources, pieceLength })).torrent)
  const seed = new Seed(draft, content)
  t.teardown(() => seed.close())
  const address = await seed.listen()
  const tracker = await startTracker([address])
  t.teardown(() => tracker.close())
  const trackers = options.trackers ?? [[tracker.url]]
  const { torrent } = await create({ name, files: sources, pieceLength, trackers })
  const path = join(existsSync(t.testdirName) ? t.testdirName : t.testdir(), `x${++offers}.torrent`)
  writeFileSync(path, torrent)
  const metainfo = parse(torrent)
  return {
    metainfo,
    torrent,
    path,
    peer: formatAddress(address),
    bytes,
    file: index => {
      const { offset, length } = metainfo.files[index]!
      return bytes.subarray(offset, offset + length)
    },
  }
}
