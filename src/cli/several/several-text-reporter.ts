import { bytes, percent, rate, timeLeft } from '../amounts.ts'
import type { Reporter } from '../reporter.ts'
import { visible } from '../terminal.ts'
import { LiveLine } from '../text-lines.ts'
import { TextReporter, type TextReporterOptions } from '../text-reporter.ts'
import { LineBoard } from './line-board.ts'
import type { NamedSource, SeveralReporter, Totals } from './several-reporter.ts'

/** Rows of a terminal that does not say how many it has. */
const DEFAULT_ROWS = 24

/** The report of one source. The port is reported by the run. */
class SourceTextReporter extends TextReporter {
  override listening(): void {}
}

/** Reports as text: a line for each torrent and one for all together. */
export class SeveralTextReporter implements SeveralReporter {
  readonly #options: TextReporterOptions
  readonly #board: LineBoard
  readonly #general: TextReporter

  constructor(options: TextReporterOptions) {
    const lines = new LiveLine()
    const { isTTY, rows = DEFAULT_ROWS } = process.stderr
    this.#options = options
    this.#general = new TextReporter(options, lines)
    this.#board = new LineBoard(lines, isTTY ? rows : 0)
  }

  createReporter(describe: () => NamedSource): Reporter {
    const label = () => {
      const { name, source } = describe()
      return visible(name ?? source)
    }
    return new SourceTextReporter(this.#options, this.#board.createLines(label))
  }

  listening(address: string): void {
    this.#general.listening(address)
  }

  warning(code: string, message: string): void {
    this.#general.warning(code, message)
  }

  error(code: string, message: string): void {
    this.#general.error(code, message)
  }

  total(totals: Totals): void {
    if (!this.#options.quiet) this.#board.show(describeTotals(totals))
  }

  end({ torrents, complete, failed, verified }: Totals): void {
    if (this.#options.quiet) return
    const failures = failed > 0 ? `, ${failed} failed` : ''
    this.#board.say(`${complete} of ${torrents} torrents complete${failures}; ${bytes(verified)} verified`)
  }

  close(): void {
    this.#board.close()
  }
}

function describeTotals(totals: Totals): string {
  const { torrents, complete, failed, verified, total, downSpeed, upSpeed, peers, eta } = totals
  const parts = [
    `all: ${complete} of ${torrents} complete`,
    ...(failed > 0 ? [`${failed} failed`] : []),
    percent(verified, total),
    rate(downSpeed),
    ...(upSpeed >= 1 ? [`up ${rate(upSpeed)}`] : []),
    `${peers} peer${peers === 1 ? '' : 's'}`,
    ...(eta === null ? [] : [timeLeft(eta)]),
  ]
  return parts.join('  ')
}
