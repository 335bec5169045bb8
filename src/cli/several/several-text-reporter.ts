import { bytes, count, percent, rate, timeLeft } from '../amounts.ts'
import type { Status, StatusField } from '../live/status.ts'
import type { Reporter } from '../reporter.ts'
import { visible } from '../terminal.ts'
import { LiveLines } from '../text-lines.ts'
import { TextReporter, type TextReporterOptions } from '../text-reporter.ts'
import { LineBoard } from './line-board.ts'
import type { NamedSource, SeveralReporter, SeveralTotals } from './several-reporter.ts'

/** The report of one source. The port is reported by the run. */
class SourceTextReporter extends TextReporter {
  override reportListening(): void {}
}

/** Reports as text: a line for each torrent and one for all together. */
export class SeveralTextReporter implements SeveralReporter {
  readonly #options: TextReporterOptions
  readonly #board: LineBoard
  readonly #general: TextReporter

  constructor(options: TextReporterOptions) {
    const lines = new LiveLines()
    this.#options = options
    this.#general = new TextReporter(options, lines)
    this.#board = new LineBoard(lines)
  }

  createReporter(describe: () => NamedSource): Reporter {
    const label = () => {
      const { name, source } = describe()
      return visible(name ?? source)
    }
    return new SourceTextReporter(this.#options, this.#board.createLines(label))
  }

  reportListening(address: string): void {
    this.#general.reportListening(address)
  }

  reportServing(url: string): void {
    this.#general.reportServing(url)
  }

  reportWarning(code: string, message: string): void {
    this.#general.reportWarning(code, message)
  }

  reportError(code: string, message: string): void {
    this.#general.reportError(code, message)
  }

  reportInterruption(advice: string): void {
    this.#general.reportInterruption(advice)
  }

  reportTotals(totals: SeveralTotals): void {
    if (!this.#options.quiet) this.#board.show(describeTotals(totals))
  }

  reportEnd({ torrents, complete, failed, verified }: SeveralTotals): void {
    if (this.#options.quiet) return
    const failures = failed > 0 ? `, ${failed} failed` : ''
    this.#board.say(`${complete} of ${torrents} torrents complete${failures}; ${bytes(verified)} verified`)
  }

  close(): void {
    this.#board.close()
  }
}

function describeTotals(totals: SeveralTotals): Status {
  const { torrents, complete, failed, verified, total, downSpeed, upSpeed, peers, eta } = totals
  const fields: StatusField[] = [
    { text: `${complete} of ${torrents} complete`, rank: 3 },
    ...(failed > 0 ? [{ text: `${failed} failed`, rank: 4 }] : []),
    { text: percent(verified, total), rank: 1 },
    { text: rate(downSpeed), rank: 2 },
    ...(upSpeed >= 1 ? [{ text: `up ${rate(upSpeed)}`, rank: 6 }] : []),
    { text: count(peers, 'peer'), rank: 7 },
    ...(eta === null ? [] : [{ text: timeLeft(eta), rank: 5 }]),
  ]
  const name = 'all'
  return { name, text: `${name}: ${fields.map(({ text }) => text).join('  ')}`, fields }
}
