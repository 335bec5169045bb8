#!/usr/bin/env node
import { isatty } from 'node:tty'
import { setFlagsFromString } from 'node:v8'
import { Command, CommanderError } from 'commander'
import { addCommands } from './cli/add-commands.ts'
import { CLI_COMMANDS } from './cli/commands.ts'
import { describeError, EXIT_CODES, exitCodeOf } from './cli/exit.ts'
import { formatUsageError, HELP_EXAMPLES, ProgramHelp } from './cli/help.ts'
import { STDOUT_FD, writeStdout } from './cli/stdout.ts'
import { visible } from './cli/terminal.ts'
import { VERSION } from './version.ts'

// By default V8 11 (Node 20) compiles optimized code that costs more time than it saves in a short download. It does not
// in these commands, which run for long. Newer versions decide better, and have other names for the flag.
const isLong = ['seed', 'daemon'].includes(process.argv[2] ?? '')
if (!isLong && process.versions.v8.startsWith('11.')) setFlagsFromString('--interrupt-budget=500000')

/** The last write of commander to standard output. */
let helpWritten = Promise.resolve()

/** Runs a command and sets the exit code of the process. */
async function runCommand(work: () => Promise<number>): Promise<void> {
  const exitCode = await work().catch(error => {
    const message = describeError(error)
    if (message !== undefined) process.stderr.write(`tsdl: ${visible(message)}\n`)
    return exitCodeOf(error)
  })
  process.exitCode = exitCode
  // Trackers and peers have been notified. Whatever is still open must not delay the exit of an interrupted process.
  if (exitCode === EXIT_CODES.interrupted || exitCode === EXIT_CODES.terminated) process.exit()
}

const program = new Command('tsdl')
  .description('A BitTorrent client that treats a torrent as a stream: tsdl x.torrent > out')
  .usage('[command] SOURCE... [options]')
  .version(VERSION, '-V, --version')
  .helpOption('-h, --help')
  .configureOutput({
    writeOut: text => {
      helpWritten = helpWritten.then(() => writeStdout(Buffer.from(text)))
    },
    getOutHelpWidth: () => (isatty(STDOUT_FD) ? process.stdout.columns : 80),
    getOutHasColors: () => false,
    outputError: (text, write) => write(`tsdl: ${visible(formatUsageError(text))}\n`),
  })
  .exitOverride()
  .addHelpText('after', HELP_EXAMPLES)
program.createHelp = () => new ProgramHelp()
addCommands(program, CLI_COMMANDS, process.env, runCommand)

// A closed terminal or log file does not stop the download.
process.stderr.on('error', () => {})

try {
  if (process.argv.length === 2) program.help({ error: true })
  await program.parseAsync()
} catch (error) {
  if (!(error instanceof CommanderError)) throw error
  await runCommand(async () => {
    await helpWritten
    return error.exitCode === 0 ? EXIT_CODES.ok : EXIT_CODES.usage
  })
}
