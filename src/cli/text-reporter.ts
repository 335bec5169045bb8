import type { MetadataProgress, Metainfo, Progress } from '../index.ts'
import { averageRate, bytes, count, duration, percent } from './amounts.ts'
import { describeProgress } from './describe-progress.ts'
import type { Status } from './live/status.ts'
import type { Reporter, RunOutcome } from './reporter.ts'
import { LiveLines, type TextLines } from './text-lines.ts'

/** Options of `TextReporter`. */
export interface TextReporterOptions {
  /** True for no progress and no warnings. @default false */
  readonly quiet?: boolean
  /** True to report connections to peers as well. @default false */
  readonly verbose?: boolean
}

/** Codes of warnings that are part of every swarm; reported only with `verbose`. */
const ROUTINE_WARNINGS = new Set(['ERR_CONNECTION', 'ERR_HANDSHAKE', 'ERR_TIMEOUT', 'ERR_RECORD', 'ERR_DHT'])

/** Reports as text: one line that changes on a terminal, otherwise a plain line every ten seconds. */
export class TextReporter implements Reporter {
  readonly #quiet: boolean
  readonly #verbose: boolean
  readonly #lines: TextLines
  #name: string | undefined
  /** True if the last progress came with what limits the download. */
  #hasDetail = false

  constructor({ quiet = false, verbose = false }: TextReporterOptions, lines: TextLines = new LiveLines()) {
    this.#quiet = quiet
    this.#verbose = verbose
    this.#lines = lines
  }

  reportMetadata({ name, length, files }: Metainfo): void {
    this.#name = name
    if (this.#verbose) this.#lines.say(`${name}: ${bytes(length)} in ${count(files.length, 'file')}`)
  }

  reportFetching({ peers, offering, have, of }: MetadataProgress): void {
    const got = have > 0 ? `  ${percent(have, of)}` : ''
    this.#show({ text: `fetching metadata: ${count(peers, 'peer')}, ${offering} with it${got}` })
  }

  reportChecking(done: number, total: number, activity = 'checking files'): void {
    const share = percent(done, total)
    const name = this.#name === undefined ? activity : `${this.#name}: ${activity}`
    const bar = total > 0 ? { share: done / total } : {}
    this.#show({ name, text: `${activity}: ${share}`, fields: [{ text: share, width: 6, rank: 1 }], ...bar })
  }

  reportProgress(progress: Progress): void {
    const status = describeProgress(progress)
    this.#hasDetail = status.detail !== undefined
    this.#show(status)
  }

  reportPeer(address: string, client: string, state: string, reason?: string): void {
    if (this.#verbose) this.#say(`${address} (${client}) ${state}${reason ? `: ${reason}` : ''}`)
  }

  reportListening(address: string): void {
    if (!this.#quiet) this.#say(`listening at ${address}`)
  }

  reportResumption(path: string, offset: number): void {
    if (!this.#quiet) this.#say(`${path}: correct up to byte ${offset}; continuing there`)
  }

  reportServing(url: string): void {
    if (!this.#quiet) this.#say(`serving at ${url}`)
  }

  reportWarning(code: string, message: string): void {
    if (!this.#quiet && (this.#verbose || !ROUTINE_WARNINGS.has(code))) this.#complain(`warning: ${message}`)
  }

  reportStall(_code: string, reason: string): void {
    // the line below the live line shows the reason already
    if (this.#lines.showsDetail && this.#hasDetail) return
    if (!this.#quiet) this.#complain(`stalled: ${reason}`)
  }

  reportDone(outcome: RunOutcome): void {
    const { verified, downloadTime, downloaded, uploaded, ratio, reused, digests, output } = outcome
    // --digest asks for these, so --quiet does not hide them. The format is that of sha256sum.
    for (const [path, digest] of Object.entries(digests)) this.#lines.say(`${digest}  ${path}`)
    if (this.#quiet) return
    const speed = downloaded > 0 ? averageRate(downloaded, downloadTime) : ''
    const saved = output ? `${downloaded + reused > 0 ? 'saved' : 'already complete:'} ${output}: ` : ''
    const copied = reused > 0 ? `; ${bytes(reused)} reused` : ''
    const given = uploaded > 0 ? `; ${bytes(uploaded)} uploaded, ratio ${ratio.toFixed(2)}` : ''
    this.#say(`${saved}${bytes(verified)} verified in ${duration(downloadTime)}${speed}${copied}${given}`)
  }

  reportShared({ elapsed, uploaded, ratio }: RunOutcome): void {
    if (this.#quiet) return
    const speed = averageRate(uploaded, elapsed)
    this.#say(`${bytes(uploaded)} uploaded in ${duration(elapsed)}${speed}, ratio ${ratio.toFixed(2)}`)
  }

  reportInterruption(advice: string): void {
    if (!this.#quiet) this.#say(advice)
  }

  reportError(_code: string, message: string): void {
    this.#complain(message)
  }

  close(): void {
    this.#lines.close()
  }

  #show(status: Status): void {
    if (!this.#quiet) this.#lines.show({ name: this.#name, ...status })
  }

  #complain(message: string): void {
    this.#lines.say(`tsdl: ${labelled(this.#lines, message)}`)
  }

  #say(line: string): void {
    this.#lines.say(labelled(this.#lines, line))
  }
}

function labelled({ label }: TextLines, text: string): string {
  // an error of a source begins with its name
  return label === undefined || text.startsWith(`${label}: `) ? text : `${label}: ${text}`
}
