import { statSync } from 'node:fs'
import PQueue from 'p-queue'
import { quote } from '../../codec/index.ts'
import { InputError } from '../../errors.ts'
import { systemClock, type Timer } from '../../index.ts'
import { createClient } from '../client.ts'
import { commandLine } from '../command-line.ts'
import { goesToStdout } from '../destinations/stdout-worker.ts'
import { EXIT_CODES, ExitError } from '../exit.ts'
import type { GetOptions } from '../get-options.ts'
import { openLog, teeReporter } from '../log-file.ts'
import { openPage } from '../open-page.ts'
import { reportFailure } from '../reporter.ts'
import { runUntilSignal } from '../run-until-signal.ts'
import { SeveralJsonReporter } from './several-json-reporter.ts'
import type { SeveralReporter } from './several-reporter.ts'
import { SeveralTextReporter } from './several-text-reporter.ts'
import { SourceRun } from './source-run.ts'
import { sumUp } from './sum-up.ts'

/** Maximum number of sources that are read at the same time. */
const MAX_OPENING = 16
/** Milliseconds between reports of the sum. */
const REPORT_INTERVAL_MS = 1000
/** Exit codes of sources, the worst last. */
const EXIT_CODES_BY_SEVERITY: readonly number[] = [
  ...[EXIT_CODES.ok, EXIT_CODES.gaveUp, EXIT_CODES.usage, EXIT_CODES.storage, EXIT_CODES.fault],
]

/**
 * Downloads several sources with one client to a directory. Each fails alone. Returns the exit code of the worst.
 * @throws InputError for options that cannot go with several sources
 */
export async function getSeveral(sources: readonly string[], options: GetOptions): Promise<number> {
  checkDestination(options)
  const shown: SeveralReporter = options.json ? new SeveralJsonReporter() : new SeveralTextReporter(options)
  const { log } = options
  const reporter =
    log === undefined ? shown : teeReporter(shown, new SeveralJsonReporter(undefined, openLog(log, shown)))
  const client = createClient(options, reporter)
  const runs = [...new Set(sources)].map(source => new SourceRun(source, client, reporter, options))
  let timer: Timer | undefined
  let closePage = async () => {}
  const report = () => {
    reporter.reportTotals(sumUp(runs))
    timer = systemClock.setTimeout(report, REPORT_INTERVAL_MS)
  }
  const finish = (exit: number) => {
    systemClock.clearTimeout(timer)
    reporter.close()
    reporter.reportEnd(sumUp(runs), exit)
    return exit
  }
  timer = systemClock.setTimeout(report, REPORT_INTERVAL_MS)
  try {
    const close = () => {
      for (const run of runs) run.stop()
      return client.close()
    }
    await runUntilSignal({ close }, async () => {
      closePage = await openPage(client, options, reporter, true)
      const listener = await client.listen()
      if (listener && (options.json || options.verbose)) reporter.reportListening(listener.address)
      const opening = new PQueue({ concurrency: MAX_OPENING })
      await Promise.all(runs.map(run => run.download(opening)))
    })
    return finish(worstOf(runs.map(({ exit = EXIT_CODES.ok }) => exit)))
  } catch (error) {
    if (!(error instanceof ExitError)) return reportFailure(error, reporter)
    reporter.reportInterruption(`interrupted; to go on, run this again: ${commandLine()}`)
    return finish(error.exitCode)
  } finally {
    systemClock.clearTimeout(timer)
    await closePage()
    reporter.close()
  }
}

/** Returns the worst of exit codes. */
export function worstOf(exits: readonly number[]): number {
  return exits.reduce(
    (worst, exit) =>
      EXIT_CODES_BY_SEVERITY.indexOf(exit) > EXIT_CODES_BY_SEVERITY.indexOf(worst) ? exit : worst,
    0,
  )
}

/** @throws InputError that says why an option cannot go with several sources */
function checkDestination({
  output,
  tar,
  range,
  checksum,
  continueAt,
  interactive,
  strip,
}: GetOptions): void {
  const reject = (option: string, reason: string) => {
    throw new InputError('ERR_USAGE', `${option} cannot be used with several sources: ${reason}`)
  }
  if (tar) reject('--tar', 'standard output carries one stream')
  if (strip) reject('--strip', 'it needs --tar')
  if (interactive) reject('--interactive', 'use --file')
  if (checksum !== undefined) reject('--checksum', 'it is of one file')
  if (range) reject('--range', 'it selects bytes of one file')
  if (continueAt !== undefined) reject('-C', 'it continues one file')
  if (output === '-') reject('-o -', 'standard output carries one torrent; name a directory')
  if (goesToStdout(output)) {
    throw new InputError(
      'ERR_USAGE',
      'several sources need -o DIR: standard output, which is not a terminal, carries one torrent',
    )
  }
  if (output !== undefined && statSync(output, { throwIfNoEntry: false })?.isDirectory() === false)
    reject(`-o ${quote(output)}`, 'it is not a directory')
}
