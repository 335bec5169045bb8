/** The commands: their arguments, options and help. A command's own module is loaded when the command runs. */
import { type Command, Option } from 'commander'
import type { CreateFlags } from './create.ts'
import type { DemoOptions } from './demo.ts'
import type { GetOptions } from './get.ts'
import { parseHttpAddress } from './http-address.ts'
import type { InfoOptions } from './info.ts'
import {
  addDownloadOptions,
  addExchangeOptions,
  addFetchOptions,
  addMetadataOptions,
  addShareOptions,
  optionValue,
  parseText,
  parseToken,
  repeatable,
} from './options.ts'
import { parseSize, parseWhole } from './quantities.ts'
import type { SeedOptions } from './seed.ts'
import type { ServeOptions } from './serve.ts'
import type { VerifyOptions } from './verify.ts'

/** Runs the work of a command. Its result is the exit code of the process. */
export type RunCommand = (work: () => Promise<number>) => Promise<void>

const SOURCE_HELP = 'a .torrent (path, URL or -), a magnet link or an info-hash'
const PATH_HELP = 'the directory that holds the files, or the one file'

/** Adds all commands to the program. */
export function addCommands(program: Command, run: RunCommand): void {
  addGet(program, run)
  addSeed(program, run)
  addServe(program, run)
  addInfo(program, run)
  addVerify(program, run)
  addCreate(program, run)
  addDemo(program, run)
}

function addGet(program: Command, run: RunCommand): void {
  addDownloadOptions(program.command('get', { isDefault: true }))
    .argument('<source>', SOURCE_HELP)
    .description('download; the default command (options: tsdl get --help)')
    .action((source: string, options: GetOptions) =>
      run(async () => {
        const { goesToStdout, startStdoutWorker } = await import('./destinations/stdout-worker.ts')
        if (goesToStdout(options.output)) startStdoutWorker()
        const { get } = await import('./get.ts')
        return get(source, options)
      }),
    )
}

function addSeed(program: Command, run: RunCommand): void {
  addShareOptions(program.command('seed'))
    .optionsGroup('Sharing:')
    .argument('<source>', SOURCE_HELP)
    .argument('<path>', PATH_HELP)
    .description('share the files at PATH')
    .option('--super-seed', 'send each peer pieces that no other peer has; for the only seed of a torrent')
    .action((source: string, path: string, options: SeedOptions) =>
      run(async () => {
        const { seed } = await import('./seed.ts')
        return seed(source, path, options)
      }),
    )
}

function addServe(program: Command, run: RunCommand): void {
  const count = optionValue(parseWhole(1, 10_000))
  const command = program.command('serve').optionsGroup('Server:')
  command
    .argument('[source...]', `torrents, each ${SOURCE_HELP}`)
    .description('serve files over HTTP; downloads only what is read')
    .option(
      '--http <host:port>',
      'serve at this address (default: 127.0.0.1:8642, or a free port)',
      optionValue(parseHttpAddress),
    )
    .addOption(
      new Option(
        '--token <token>',
        'the token of every HTTP request; required unless --http is loopback (default: $TSDL_TOKEN)',
      )
        .argParser(optionValue(parseToken))
        .conflicts('tokenFile'),
    )
    .option('--token-file <file>', 'read the token from this file', optionValue(parseText))
    .option('--max-readers <n>', 'maximum number of files read at once (default: 32)', count)
    .option('--max-clients <n>', 'maximum number of HTTP connections (default: 256)', count)
    .option('--max-clients-per-address <n>', 'maximum per IP address (default: 32; 128 from loopback)', count)
    .option(
      '-o, --output <dir>',
      'keep the data in this directory (default: in memory, for a while)',
      optionValue(parseText),
    )
    .action((sources: string[], options: ServeOptions) =>
      run(async () => {
        const { serve } = await import('./serve.ts')
        return serve(sources, options)
      }),
    )
  addFetchOptions(addExchangeOptions(command))
}

function addInfo(program: Command, run: RunCommand): void {
  const command = program.command('info').optionsGroup('Output:')
  command
    .argument('<source>', SOURCE_HELP)
    .description('show what a torrent contains; downloads no content')
    .option('-o, --output <file>', 'write the .torrent to this file as well', optionValue(parseText))
    .option('--json', 'print one JSON object')
    .addOption(
      new Option('--offline', 'use only the magnet link; contact no peers or trackers').conflicts('output'),
    )
    .addOption(new Option('--scrape', 'ask the trackers for the number of peers').conflicts('offline'))
    .action((source: string, options: InfoOptions) =>
      run(async () => {
        const { info } = await import('./info.ts')
        return info(source, options, await createTextReporter(options))
      }),
    )
  addMetadataOptions(command)
}

function addVerify(program: Command, run: RunCommand): void {
  const command = program.command('verify').optionsGroup('Output:')
  command
    .argument('<source>', SOURCE_HELP)
    .argument('<path>', PATH_HELP)
    .description('check the files at PATH; exit code 0 if all pieces are correct')
    .option('--json', 'print one JSON object')
    .action((source: string, path: string, options: VerifyOptions) =>
      run(async () => {
        const { verify } = await import('./verify.ts')
        return verify(source, path, options, await createTextReporter(options))
      }),
    )
  addMetadataOptions(command)
}

function addCreate(program: Command, run: RunCommand): void {
  program
    .command('create')
    .argument('<path>', 'a file or a directory')
    .description('create a .torrent')
    .option(
      '-o, --output <file>',
      'write it to this file, or - (default: standard output, on a terminal NAME.torrent)',
      optionValue(parseText),
    )
    .option(
      '--piece-length <size>',
      'a power of two (default: one that gives 1,000 to 2,000 pieces)',
      optionValue(parseSize),
    )
    .option('--tracker <url>', 'a tier of trackers, separated by commas (repeatable)', repeatable(parseText))
    .option('--web-seed <url>', 'a URL of the content (repeatable)', repeatable(parseText))
    .option('--private', 'peers come only from the trackers')
    .option('--comment <text>', 'a comment')
    .option('--name <name>', 'the name of the torrent (default: the last name of PATH)')
    .option('--no-date', 'leave the date out: the same input gives the same bytes')
    .option('-q, --quiet', 'no progress')
    .action((path: string, flags: CreateFlags & { quiet?: boolean }) =>
      run(async () => {
        const { createTorrent } = await import('./create.ts')
        return createTorrent(path, flags, await createTextReporter(flags))
      }),
    )
}

function addDemo(program: Command, run: RunCommand): void {
  const command = program.command('demo').optionsGroup('Demo:')
  command
    .description('start a tracker and seeds on this machine, and download from them')
    .option('--size <size>', 'bytes to download (default: 64M)', optionValue(parseSize))
    .option('--seeds <n>', 'number of seeds (default: 3)', optionValue(parseWhole(1, 100)))
    .action((options: DemoOptions) =>
      run(async () => {
        const { runDemo } = await import('./demo.ts')
        return runDemo(options)
      }),
    )
  addDownloadOptions(command)
}

async function createTextReporter(options: { quiet?: boolean }) {
  const { TextReporter } = await import('./text-reporter.ts')
  return new TextReporter(options)
}
