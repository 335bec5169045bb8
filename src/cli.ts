#!/usr/bin/env node
import { isatty } from 'node:tty'
import { setFlagsFromString } from 'node:v8'
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import type { CreateFlags } from './cli/create.ts'
import type { DemoOptions } from './cli/demo.ts'
import { EXIT, exitOf, explain } from './cli/exit.ts'
import type { GetOptions } from './cli/get.ts'
import { parseHttpAddress } from './cli/http-address.ts'
import type { InfoOptions } from './cli/info.ts'
import { parseDuration, parseRatio, parseSize, parseWhole } from './cli/quantities.ts'
import { parseRange } from './cli/range.ts'
import type { SeedOptions } from './cli/seed.ts'
import type { ServeOptions } from './cli/serve.ts'
import { STDOUT, writeStdout } from './cli/stdout.ts'
import { visible } from './cli/terminal.ts'
import { hideToken } from './cli/token.ts'
import type { VerifyOptions } from './cli/verify.ts'
import { addressBytes, parseAddress } from './codec/compact.ts'
import { InputError, messageOf } from './errors.ts'
import { webSeedFault } from './metainfo/trackers.ts'
import { VERSION } from './version.ts'

// A download is over before most of what V8 would optimize early has paid for its compilation.
// Newer ones (Node 22 and later) weigh that better by themselves, and know the flag by other names.
if (process.versions.v8.startsWith('11.')) setFlagsFromString('--interrupt-budget=500000')

// What a command needs is loaded when it runs: `tsdl --version` costs little more than Node itself.

/** An option that may stand several times. */
const many =
  <T>(parse: (text: string) => T) =>
  (text: string, before: T[] = []) => [...before, parse(text)]

function some(text: string): string {
  if (text === '') throw new InputError('ERR_USAGE', 'it is empty')
  return text
}

/** A token on the command line, which others can read there. */
function secret(text: string): string {
  hideToken(some(text))
  return text
}

function ip(text: string): string {
  if (addressBytes(text.replace(/%.*$/, ''))) return text
  throw new InputError('ERR_USAGE', 'expected an IP address of this machine')
}

function webSeed(text: string): string {
  const why = webSeedFault(text)
  if (why === undefined) return text
  throw new InputError('ERR_USAGE', `it ${why}`)
}

/** An option's value, or commander's own complaint about it. */
function value<T>(parse: (text: string) => T) {
  return (text: string): T => {
    try {
      return parse(text)
    } catch (error) {
      throw new InvalidArgumentError(messageOf(error))
    }
  }
}

const TIMEOUT = new Option(
  '--timeout <duration>',
  'give up when nothing was verified for so long (default: never on a terminal, 10m elsewhere)',
).argParser(value(parseDuration))

/** The options of everything that reaches peers. */
function reaching(command: Command): Command {
  return command
    .option('--peer <host:port>', 'connect there too (repeatable)', many(value(parseAddress)))
    .option('--port <n>', 'the port to listen at (default: one that is free)', value(parseWhole(1, 65535)))
    .option('--bind <address>', 'the IP address to listen at and to dial from (default: all)', value(ip))
    .option('--no-tracker', 'ask no tracker')
    .option('--no-dht', 'neither ask nor tell the DHT')
    .option(
      '--dht-node <host:port>',
      'a node to enter the DHT by, in place of the usual ones (repeatable)',
      many(value(parseAddress)),
    )
    .option('--allow-local', 'let torrents, links and redirects name servers of this machine and its network')
    .option('--no-lsd', 'neither ask nor tell the local network')
    .option('--no-pex', 'exchange no addresses of peers with peers')
    .addOption(
      new Option('--encryption <when>', 'connections with encryption (default: prefer)').choices([
        'prefer',
        'require',
        'off',
      ]),
    )
    .option('-q, --quiet', 'no progress, no warnings')
}

/** The option of whatever knows its files by name. */
function naming(command: Command): Command {
  return command.option(
    '--portable-names',
    'name files as Windows takes them too (default: as this system does)',
  )
}

/** The options of what asks peers for the metadata of a link, and for nothing else. */
function finding(command: Command): Command {
  return naming(reaching(command)).option('--no-listen', 'accept no connections').addOption(TIMEOUT)
}

/** The options of everything that exchanges bytes with peers. */
function exchanging(command: Command): Command {
  return naming(reaching(command))
    .option('--max-peers <n>', 'connections at most (default: 100)', value(parseWhole(1, 10_000)))
    .option('--max-peers-per-address <n>', 'of one IP address (default: 4)', value(parseWhole(1, 10_000)))
    .option('--memory <size>', 'bytes in flight (default: 64M)', value(parseSize))
    .option('--up <rate>', 'bytes a second to give at most', value(parseSize))
    .option('--json', 'events as NDJSON on standard error')
    .option('-v, --verbose', 'tell of peers as well')
}

/** The options of what fetches. */
function fetching(command: Command): Command {
  return command
    .option('--web-seed <url>', 'fetch from there too, over HTTP (repeatable)', many(value(webSeed)))
    .option('--no-web-seeds', "ask none of the torrent's own web seeds")
    .option('--no-listen', 'accept no connections of peers')
    .option('--down <rate>', 'bytes a second to take at most', value(parseSize))
}

/** The options of what shares until it has shared enough. */
function sharing(command: Command): Command {
  return exchanging(command)
    .option('--seed-ratio <r>', 'share until so many times the size was given', value(parseRatio))
    .option('--seed-time <duration>', 'share for so long', value(parseDuration))
}

/** The options that downloads have in common. */
function downloading(command: Command): Command {
  return fetching(sharing(command))
    .option(
      '-o, --output <dir>',
      'directory for the files, or - for standard output (default: -, on a terminal .)',
      value(some),
    )
    .option('--file <glob|index>', 'only these files (repeatable)', many(value(some)))
    .option('--tar', 'the files as one tar stream on standard output')
    .option('--strip', "with --tar: paths without the torrent's own name")
    .option('--range <a-b>', 'these bytes of the one file: 0-499, 500-, -500', value(parseRange))
    .option('-C, --continue-at <file>', 'keep what FILE has, write the rest: -C out >> out', value(some))
    .addOption(
      new Option('--digest <algorithm>', "tell each file's digest as it streams").choices(['sha256']),
    )
    .option('--sequential', 'in order, also to a directory')
    .addOption(TIMEOUT)
}

async function finish(work: () => Promise<number>): Promise<void> {
  const exit = await work().catch(error => {
    const message = explain(error)
    if (message !== undefined) process.stderr.write(`tsdl: ${visible(message)}\n`)
    return exitOf(error)
  })
  process.exitCode = exit
  // The goodbyes had their time: whatever is still open must not hold up whoever wants us gone.
  if (exit === EXIT.interrupted || exit === EXIT.terminated) process.exit()
}

/** What commander prints to standard output: the help and the version. */
let helpWritten = Promise.resolve()

async function reporterFor(options: { quiet?: boolean }) {
  const { TextReporter } = await import('./cli/text-reporter.ts')
  return new TextReporter(options)
}

const program = new Command('tsdl')
  .description('A torrent as a stream: tsdl x.torrent > out')
  .version(VERSION, '-V, --version')
  .helpOption('-h, --help')
  .configureOutput({
    writeOut: text => {
      helpWritten = helpWritten.then(() => writeStdout(Buffer.from(text)))
    },
    getOutHelpWidth: () => (isatty(STDOUT) ? process.stdout.columns : 80),
    getOutHasColors: () => false,
    outputError: (text, write) =>
      write(`${visible(text.trim().replace(/^error: /, 'tsdl: '))} (tsdl --help tells more)\n`),
  })
  .exitOverride()
  .addHelpText(
    'after',
    `
SOURCE is a path or http(s) URL of a .torrent, - for one on standard input, a magnet: link, or an info-hash.

Examples:
  tsdl x.torrent > out              the one file's bytes, verified, in order
  tsdl x.torrent -o downloads       all files into a directory; again to resume
  tsdl x.torrent --file '*.iso' | sha256sum
  tsdl info x.torrent --json | jq .files

Exit codes: 0 done, 2 usage or not a torrent, 3 gave up, 4 storage, 5 verify found wrong pieces,
130/143 interrupted, 141 the reader went away.`,
  )

downloading(program.command('get', { isDefault: true }))
  .argument('<source>', 'a .torrent: path, URL or -; a magnet link or an info-hash')
  .description('download (the default command; its options: tsdl get --help)')
  .action((source: string, options: GetOptions) =>
    finish(async () => {
      const { goesToStdout, startStdoutWorker } = await import('./cli/destinations/stdout-worker.ts')
      if (goesToStdout(options.output)) startStdoutWorker()
      const { get } = await import('./cli/get.ts')
      return get(source, options)
    }),
  )

sharing(program.command('seed'))
  .argument('<source>', 'a .torrent: path, URL or -; a magnet link or an info-hash')
  .argument('<path>', 'the directory that holds the files, or the one file')
  .description('share what PATH holds')
  .option('--super-seed', 'give each peer what no other has; for the only seed there is')
  .action((source: string, path: string, options: SeedOptions) =>
    finish(async () => {
      const { seed } = await import('./cli/seed.ts')
      return seed(source, path, options)
    }),
  )

fetching(exchanging(program.command('serve')))
  .argument('[source...]', 'torrents, each a .torrent: path, URL or -; a magnet link or an info-hash')
  .description('serve the files over HTTP: ranges, JSON, web page; what is read is fetched')
  .option(
    '--http <host:port>',
    'where to serve (default: 127.0.0.1:8642, or a port that is free)',
    value(parseHttpAddress),
  )
  .addOption(
    new Option(
      '--token <token>',
      'what every HTTP request has to carry; needed for other addresses than loopback (default: TSDL_TOKEN)',
    )
      .argParser(value(secret))
      .conflicts('tokenFile'),
  )
  .option('--token-file <file>', 'a file that holds the token', value(some))
  .option('--max-readers <n>', 'files read at once over HTTP (default: 32)', value(parseWhole(1, 10_000)))
  .option('--max-clients <n>', 'HTTP connections at most (default: 256)', value(parseWhole(1, 10_000)))
  .option(
    '--max-clients-per-address <n>',
    'of those, from one address (default: 32, from loopback 128)',
    value(parseWhole(1, 10_000)),
  )
  .option(
    '-o, --output <dir>',
    'keep what was fetched in a directory (default: in memory, for a while)',
    value(some),
  )
  .action((sources: string[], options: ServeOptions) =>
    finish(async () => {
      const { serve } = await import('./cli/serve.ts')
      return serve(sources, options)
    }),
  )

finding(program.command('info'))
  .argument('<source>', 'a .torrent: path, URL or -; a magnet link or an info-hash')
  .description('what is inside; downloads no content')
  .option('-o, --output <file>', 'write it as a .torrent as well', value(some))
  .option('--json', 'one JSON object on standard output')
  .addOption(new Option('--offline', 'ask nobody: of a link what it says itself').conflicts('output'))
  .addOption(new Option('--scrape', 'ask the trackers how many peers there are').conflicts('offline'))
  .action((source: string, options: InfoOptions) =>
    finish(async () => {
      const { info } = await import('./cli/info.ts')
      return info(source, options, await reporterFor(options))
    }),
  )

finding(program.command('verify'))
  .argument('<source>', 'a .torrent: path, URL or -; a magnet link or an info-hash')
  .argument('<path>', 'the directory that holds the files, or the one file')
  .description('which pieces of PATH are right; exit code 0 only if all')
  .option('--json', 'one JSON object on standard output')
  .action((source: string, path: string, options: VerifyOptions) =>
    finish(async () => {
      const { verify } = await import('./cli/verify.ts')
      return verify(source, path, options, await reporterFor(options))
    }),
  )

program
  .command('create')
  .argument('<path>', 'a file or a directory')
  .description('make a torrent')
  .option(
    '-o, --output <file>',
    'where to write it, or - (default: standard output, on a terminal NAME.torrent)',
    value(some),
  )
  .option(
    '--piece-length <size>',
    'a power of two (default: one giving 1,000 to 2,000 pieces)',
    value(parseSize),
  )
  .option('--tracker <url>', 'a tracker; a comma makes a tier (repeatable)', many(some))
  .option('--web-seed <url>', 'where the content is on the web (repeatable)', many(some))
  .option('--private', 'peers only from the trackers')
  .option('--comment <text>', 'for people')
  .option('--name <name>', "the torrent's name (default: the path's)")
  .option('--no-date', 'leave the date out: same input, same bytes')
  .option('-q, --quiet', 'no progress')
  .action((path: string, flags: CreateFlags & { quiet?: boolean }) =>
    finish(async () => {
      const { createTorrent } = await import('./cli/create.ts')
      return createTorrent(path, flags, await reporterFor(flags))
    }),
  )

downloading(program.command('demo'))
  .description('a tracker and seeds of its own on loopback, then the main job against them')
  .option('--size <size>', 'bytes to download (default: 64M)', value(parseSize))
  .option('--seeds <n>', 'how many seeds (default: 3)', value(parseWhole(1, 100)))
  .action((options: DemoOptions) =>
    finish(async () => {
      const { demo } = await import('./cli/demo.ts')
      return demo(options)
    }),
  )

// A terminal or a log that went away is no reason to stop.
process.stderr.on('error', () => {})

try {
  if (process.argv.length === 2) program.help({ error: true })
  await program.parseAsync()
} catch (error) {
  if (!(error instanceof CommanderError)) throw error
  await finish(async () => {
    await helpWritten
    return error.exitCode === 0 ? EXIT.ok : EXIT.usage
  })
}
