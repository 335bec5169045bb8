import { writeSync } from 'node:fs'
import { onExit } from 'signal-exit'
import { renderStatuses, type TerminalLook } from './render-statuses.ts'
import type { Status } from './status.ts'

/** The members of a terminal that a display uses. */
export interface Terminal {
  /** Columns and rows; 0 or undefined if they are unknown. */
  readonly columns?: number
  readonly rows?: number
  write(text: string): void
  /** Writes at once, before the process ends. */
  writeSync(text: string): void
  on(event: 'resize', listener: () => void): unknown
  off(event: 'resize', listener: () => void): unknown
}

const DEFAULT_COLUMNS = 80
const DEFAULT_ROWS = 24
const HIDE_CURSOR = '\x1b[?25l'
const SHOW_CURSOR = '\x1b[?25h'
/** A line that is too wide is cut, because a second row would move the cursor: the size may be about to change. */
const STOP_WRAPPING = '\x1b[?7l'
const WRAP_LINES = '\x1b[?7h'
/** Erases the line of the cursor, where the terminal may have echoed keys, and all lines below it. */
const ERASE_BELOW = '\r\x1b[J'

/**
 * Lines at the end of a terminal that are drawn again and again. The cursor stays at their beginning, and all below it is
 * erased before they are drawn: so a terminal that wraps them anew after a change of its size leaves no remainder.
 */
export class LiveDisplay {
  readonly #terminal: Terminal
  readonly #look: Pick<TerminalLook, 'color' | 'unicode'>
  #statuses: readonly Status[] = []
  #isDrawn = false
  #removeExitListener: (() => void) | undefined

  constructor(terminal: Terminal, look: Pick<TerminalLook, 'color' | 'unicode'>) {
    this.#terminal = terminal
    this.#look = look
  }

  /** Replaces the lines. */
  show(statuses: readonly Status[]): void {
    this.#statuses = statuses
    this.#open()
    this.#terminal.write(this.#frame())
  }

  /** Writes lines that stay, above those that change. */
  say(text: string): void {
    this.#terminal.write(this.#isDrawn ? `${ERASE_BELOW}${text}\n${this.#frame()}` : `${text}\n`)
  }

  /** Removes the lines and shows the cursor. `show` begins again. */
  close(): void {
    if (!this.#isDrawn) return
    this.#terminal.write(this.#end())
  }

  #open(): void {
    if (this.#isDrawn) return
    this.#isDrawn = true
    this.#terminal.on('resize', this.#redraw)
    process.on('SIGTSTP', this.#suspend)
    this.#removeExitListener = onExit(() => this.#terminal.writeSync(this.#end()), { alwaysLast: true })
  }

  /** Stops listening. Returns what ends the lines. */
  #end(): string {
    this.#isDrawn = false
    this.#terminal.off('resize', this.#redraw)
    process.off('SIGTSTP', this.#suspend)
    this.#removeExitListener?.()
    return ERASE_BELOW + SHOW_CURSOR
  }

  #frame(): string {
    const { columns, rows } = this.#terminal
    const look = { ...this.#look, columns: columns || DEFAULT_COLUMNS, rows: rows || DEFAULT_ROWS }
    const lines = renderStatuses(this.#statuses, look)
    const up = lines.length > 1 ? `\x1b[${lines.length - 1}A` : ''
    return `${HIDE_CURSOR}${ERASE_BELOW}${STOP_WRAPPING}${lines.join('\n')}${WRAP_LINES}\r${up}`
  }

  readonly #redraw = () => this.#terminal.write(this.#frame())

  /** Leaves the terminal clean while the process is stopped. */
  readonly #suspend = () => {
    this.#terminal.writeSync(this.#end())
    process.once('SIGCONT', () => this.show(this.#statuses))
    process.kill(process.pid, 'SIGTSTP') // without our listener it stops the process
  }
}

/** Returns standard error as a terminal. */
export function stderrTerminal(): Terminal {
  const { stderr } = process
  return {
    get columns() {
      return stderr.columns
    },
    get rows() {
      return stderr.rows
    },
    write: text => void stderr.write(text),
    writeSync(text) {
      try {
        writeSync(stderr.fd, text)
      } catch {
        // the terminal is gone
      }
    },
    on: (event, listener) => stderr.on(event, listener),
    off: (event, listener) => stderr.off(event, listener),
  }
}

/** Returns true if a terminal shows characters beyond ASCII. */
export function showsUnicode(
  { LANG, LC_ALL, LC_CTYPE, TERM, WT_SESSION }: NodeJS.ProcessEnv,
  platform: NodeJS.Platform = process.platform,
): boolean {
  if (platform === 'win32') return WT_SESSION !== undefined
  return TERM !== 'linux' && /utf-?8/i.test(LC_ALL || LC_CTYPE || LANG || '')
}
