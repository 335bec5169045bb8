import { systemClock } from '../index.ts'
import { visible } from './terminal.ts'

/** The lines of a report as text: lines that stay, and one that changes. */
export interface TextLines {
  /** The torrent that the lines are about, if there are several. */
  readonly label?: string | undefined
  /** Replaces the line that changes. */
  show(line: string): void
  /** Writes a line that stays. */
  say(line: string): void
  /** Ends the line that changes. */
  close(): void
}

// Only a terminal needs this package, and it loads a dozen modules.
const logUpdate = process.stderr.isTTY ? await import('log-update') : undefined

/** Milliseconds between lines of progress if standard error is not a terminal. */
const PLAIN_REPORT_INTERVAL_MS = 10_000

/** Lines on standard error. The one that changes is a plain line every ten seconds if that is not a terminal. */
export class LiveLine implements TextLines {
  readonly #live = logUpdate?.createLogUpdate(process.stderr)
  #lastLine = systemClock.now()

  show(line: string): void {
    if (this.#live) this.#live(line)
    else if (systemClock.now() - this.#lastLine >= PLAIN_REPORT_INTERVAL_MS) {
      this.#lastLine = systemClock.now()
      process.stderr.write(`${line}\n`)
    }
  }

  say(line: string): void {
    this.#live?.clear()
    process.stderr.write(`${visible(line)}\n`)
  }

  close(): void {
    this.#live?.clear()
    this.#live?.done()
  }
}
