import { systemClock } from '../index.ts'
import type { Status } from './live/status.ts'
import { visible } from './terminal.ts'

/** The lines of a report as text: lines that stay, and one that changes. */
export interface TextLines {
  /** The torrent that the lines are about, if there are several. */
  readonly label?: string | undefined
  /** True if the line that changes is drawn again and again, with what limits the download below it. */
  readonly showsDetail?: boolean
  /** Replaces the line that changes. */
  show(status: Status): void
  /** Writes a line that stays. */
  say(line: string): void
  /** Ends the line that changes. */
  close(): void
}

/** Milliseconds between lines of progress if there is no live line. */
const PLAIN_REPORT_INTERVAL_MS = 10_000

const { stderr, env } = process
const isLive = stderr.isTTY === true && env.TERM !== 'dumb'
// Only a terminal needs this module and its packages.
const { LiveDisplay, showsUnicode, stderrTerminal } = isLive
  ? await import('./live/live-display.ts')
  : ({} as Partial<typeof import('./live/live-display.ts')>)

/** Lines on standard error. What changes is a plain line every ten seconds if that is not a terminal that can redraw. */
export class LiveLines implements TextLines {
  readonly #live =
    LiveDisplay &&
    new LiveDisplay(stderrTerminal!(), { color: stderr.hasColors(), unicode: showsUnicode!(env) })
  #lastLine = systemClock.now()

  get showsDetail(): boolean {
    return this.#live !== undefined
  }

  show(status: Status): void {
    this.showAll([status])
  }

  /** Shows several statuses, the last of which is their sum. A plain line has the sum alone. */
  showAll(statuses: readonly Status[]): void {
    if (this.#live) this.#live.show(statuses)
    else if (systemClock.now() - this.#lastLine >= PLAIN_REPORT_INTERVAL_MS) {
      this.#lastLine = systemClock.now()
      stderr.write(`${visible(statuses.at(-1)?.text ?? '')}\n`)
    }
  }

  say(line: string): void {
    if (this.#live) this.#live.say(visible(line))
    else stderr.write(`${visible(line)}\n`)
  }

  close(): void {
    this.#live?.close()
  }
}
