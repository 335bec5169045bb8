/** Runs the built program as a user would: `node dist/cli.js ...`, a process of its own. */
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

/** Resume records of tests stay out of the state directory of the user. */
const STATE_DIRECTORY = mkdtempSync(join(tmpdir(), 'tsdl-state-'))
process.once('exit', () => rmSync(STATE_DIRECTORY, { recursive: true, force: true }))

/** Runs a program with the variable that says for which process the descriptors are. */
const WITH_OWN_PID = 'LISTEN_PID=$$ exec "$0" "$@"'

export interface RunOptions {
  readonly cwd?: string
  /** Variables of its environment, besides those that every run has. */
  readonly env?: NodeJS.ProcessEnv
  /** What it reads on standard input. @default nothing */
  readonly stdin?: Uint8Array | string
  /** A descriptor that standard output goes to, or `unread`: the caller reads it. @default it is collected */
  readonly stdout?: number | 'unread'
  /** A descriptor that standard error goes to. @default it is collected */
  readonly stderr?: number
  /** Called with the process once it runs. */
  readonly started?: (child: ChildProcess) => void
  /** A descriptor that it inherits as 3, as from a service manager. */
  readonly descriptor?: number
  /** Another program than tsdl, run the same way. */
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

/** Resolves when it has ended and all that it wrote was read. It looks for peers on this machine only. */
export function tsdl(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const { cwd, descriptor, env, program = CLI_PATH, started, stderr, stdin = '', stdout } = options
  const argv = [process.execPath, program, ...(program === CLI_PATH ? isolated(args) : args)]
  const [command, ...rest] = descriptor === undefined ? argv : ['sh', '-c', WITH_OWN_PID, ...argv]
  const child = spawn(command!, rest, {
    ...(cwd === undefined ? {} : { cwd }),
    // without NODE_OPTIONS, which has the hooks of the test runner
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

/** The events that `--json` wrote. */
// biome-ignore lint/suspicious/noExplicitAny: whatever is there, to be looked at
export function eventsOf({ lines }: Ran): any[] {
  return lines.map(line => JSON.parse(line))
}

export interface PeerPieces {
  readonly metainfo: Metainfo
  /** The .torrent, as bytes and as a file; it names the tracker. */
  readonly torrent: Buffer
  readonly path: string
  /** Where the seed is, as `--peer` takes it. */
  readonly peer: string
  /** All bytes, end to end. */
  readonly bytes: Buffer
  /** The bytes of one file. */
  file(index: number): Buffer
}

export interface OfferOptions {
  /** Paths and lengths; one with the path '' is a torrent of one file. @default one of 300,000 bytes */
  readonly files?: Readonly<Record<string, number>>
  readonly name?: string
  /** @default 16 KiB */
  readonly pieceLength?: number
  /** Trackers, in place of the one that knows the seed. */
  readonly trackers?: readonly (readonly string[])[]
}

interface Test {
  teardown(call: () => unknown): unknown
  testdir(): string
  readonly testdirName: string
}

/** A torrent in the test's directory, with a tracker and a seed on loopback until the test is over. */
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
