import type { Metainfo } from '../index.ts'
import { createClient } from './client.ts'
import { commandLine } from './command-line.ts'
import { DownloadRun } from './download-run.ts'
import { EXIT_CODES, ExitError } from './exit.ts'
import type { GetOptions } from './get-options.ts'
import { JsonReporter } from './json-reporter.ts'
import { openLog, teeReporter } from './log-file.ts'
import { goesToDirectory, openPage } from './open-page.ts'
import { pruneRecords } from './prune-records.ts'
import { type Reporter, reportFailure } from './reporter.ts'
import { runUntilSignal } from './run-until-signal.ts'
import { stateDirectory } from './state.ts'
import { TextReporter } from './text-reporter.ts'

/** Downloads a source to the destination that the options name. Returns the exit code; never throws. */
export async function get(source: string | Metainfo, options: GetOptions): Promise<number> {
  const shown: Reporter = options.json ? new JsonReporter() : new TextReporter(options)
  const { log } = options
  const reporter =
    log === undefined ? shown : teeReporter(shown, new JsonReporter(undefined, openLog(log, shown)))
  const client = createClient(options, reporter)
  const run = new DownloadRun(client, reporter, options)
  let closePage = async () => {}
  try {
    const outcome = await runUntilSignal(client, async () => {
      closePage = await openPage(client, options, reporter, goesToDirectory(options))
      return run.download(source)
    })
    reporter.reportDone(outcome) // after the client is closed, because `done` is the last event
    return EXIT_CODES.ok
  } catch (error) {
    const advice = error instanceof ExitError ? run.adviseAfterSignal(commandLine()) : undefined
    if (advice !== undefined) reporter.reportInterruption(advice)
    return reportFailure(error, reporter)
  } finally {
    run.stop()
    await closePage()
    await client.close()
    pruneRecords(stateDirectory(), Date.now())
    reporter.close()
  }
}
