import prettyBytes from 'pretty-bytes'
import prettyMs from 'pretty-ms'
import { type MetadataProgress, type Metainfo, type Progress, systemClock } from '../index.ts'
import type { Outcome, Reporter } from './reporter.ts'
import { visible } from './terminal.ts'

/** Options of `TextReporter`. */
export interface TextReporterOptions {
  /** True for no progress and no warnings. @default false */
  readonly quiet?: boolean
  /** True to report connections to peers as well. @default false */
  readonly verbose?: boolean
}

// Only a terminal needs this package, and it loads a dozen modules.
const logUpdate = process.stderr.isTTY ? await import('log-update') : undefined

/** Milliseconds between lines of progress if standard error is not a terminal. */
const PLAIN_REPORT_INTERVAL_MS = 10_000

/** Codes of warnings that are part of every swarm; reported only with `verbose`. */
const ROUTINE_WARNINGS = new Set(['ERR_CONNECTION', 'ERR_HANDSHAKE', 'ERR_TIMEOUT', 'ERR_RECORD', 'ERR_DHT'])

/** Reports as text: one line that changes on a terminal, otherwise a plain line every ten seconds. */
export class TextReporter implements Reporter {
  readonly #quiet: boolean
  readonly #verbose: boolean
  readonly #live = logUpdate?.createLogUpdate(process.stderr)
  #lastLine = systemClock.now()

  constructor({ quiet = false, verbose = false }: TextReporterOptions) {
    this.#quiet = quiet
    this.#verbose = verbose
  }

  metadata({ name, length, files }: Metainfo): void {
    if (this.#verbose)
      this.#say(`${name}: ${bytes(length)} in ${files.length} file${files.length > 1 ? 's' : ''}`)
  }

  fetching({ peers, offering, have, of }: MetadataProgress): void {
    const got = have > 0 ? `  ${percent(have, of)}` : ''
    this.#show(`fetching metadata: ${peers} peer${peers === 1 ? '' : 's'}, ${offering} with it${got}`)
  }

  checking(done: number, total: number, activity = 'checking files'): void {
    this.#show(`${activity}: ${percent(done, total)}`)
  }

  progress(progress: Progress): void {
    const { verified, total, downSpeed, upSpeed, uploaded, ratio, peers, webSeeds, eta, limit } = progress
    const sharing = verified === total
    const parts = [
      ...(sharing
        ? ['sharing', `${bytes(uploaded)} uploaded`, `ratio ${ratio.toFixed(2)}`]
        : [percent(verified, total), `${bytes(verified)} of ${bytes(total)}`, rate(downSpeed)]),
      ...(upSpeed >= 1 ? [`${sharing ? '' : 'up '}${rate(upSpeed)}`] : []),
      `${peers} peer${peers === 1 ? '' : 's'}`,
      ...(webSeeds > 0 ? [`${webSeeds} web seed${webSeeds === 1 ? '' : 's'}`] : []),
      ...(eta === null
        ? []
        : [`${prettyMs(Math.min(eta, 8_640_000) * 1000, { secondsDecimalDigits: 0, unitCount: 2 })} left`]),
      ...(limit === 'reader' ? ['waiting for the reader'] : limit === 'disk' ? ['waiting for the disk'] : []),
    ]
    this.#show(parts.join('  '))
  }

  peer(address: string, client: string, state: string, reason?: string): void {
    if (this.#verbose) this.#say(`${address} (${client}) ${state}${reason ? `: ${reason}` : ''}`)
  }

  listening(address: string): void {
    if (!this.#quiet) this.#say(`listening at ${address}`)
  }

  resumed(path: string, offset: number): void {
    if (!this.#quiet) this.#say(`${path}: correct up to byte ${offset}; continuing there`)
  }

  serving(url: string): void {
    if (!this.#quiet) this.#say(`serving at ${url}`)
  }

  warning(code: string, message: string): void {
    if (!this.#quiet && (this.#verbose || !ROUTINE_WARNINGS.has(code))) this.#say(`tsdl: warning: ${message}`)
  }

  stalled(_code: string, reason: string): void {
    if (!this.#quiet) this.#say(`tsdl: stalled: ${reason}`)
  }

  done({ verified, downloadTime, downloaded, uploaded, ratio, digests }: Outcome): void {
    this.#live?.clear()
    // --digest asks for these, so --quiet does not hide them. The format is that of sha256sum.
    for (const [path, digest] of Object.entries(digests)) this.#say(`${digest}  ${path}`)
    if (this.#quiet) return
    const speed = downloaded > 0 ? averageRate(downloaded, downloadTime) : ''
    const given = uploaded > 0 ? `; ${bytes(uploaded)} uploaded, ratio ${ratio.toFixed(2)}` : ''
    this.#say(`${bytes(verified)} verified in ${duration(downloadTime)}${speed}${given}`)
  }

  shared({ elapsed, uploaded, ratio }: Outcome): void {
    if (this.#quiet) return
    const speed = averageRate(uploaded, elapsed)
    this.#say(`${bytes(uploaded)} uploaded in ${duration(elapsed)}${speed}, ratio ${ratio.toFixed(2)}`)
  }

  error(_code: string, message: string): void {
    this.#say(`tsdl: ${message}`)
  }

  close(): void {
    this.#live?.clear()
    this.#live?.done()
  }

  #show(line: string): void {
    if (this.#quiet) return
    if (this.#live) this.#live(line)
    else if (systemClock.now() - this.#lastLine >= PLAIN_REPORT_INTERVAL_MS) {
      this.#lastLine = systemClock.now()
      process.stderr.write(`${line}\n`)
    }
  }

  /** Writes a line that stays. */
  #say(line: string): void {
    this.#live?.clear()
    process.stderr.write(`${visible(line)}\n`)
  }
}

function bytes(count: number): string {
  return prettyBytes(count, { binary: true }) // without options for digits, which would load a locale in 80 ms
}

function rate(bytesPerSecond: number): string {
  return `${bytes(Math.round(bytesPerSecond))}/s`
}

/** Returns a rate to append to an amount; an empty text if no time has passed. */
function averageRate(amount: number, seconds: number): string {
  return seconds > 0 ? `, ${rate(amount / seconds)}` : ''
}

function duration(seconds: number): string {
  return prettyMs(seconds * 1000, { unitCount: 2 })
}

function percent(part: number, whole: number): string {
  return `${(whole === 0 ? 100 : Math.floor((part / whole) * 1000) / 10).toFixed(1)}%`
}
