import type { TextLines } from '../text-lines.ts'

/** Lines below those of the torrents: the sum, and one that says how many more there are. */
const RESERVED_LINES = 3
/** Characters of a label at most. */
const MAX_LABEL_LENGTH = 40

/** A line for each torrent, and one for all together, at the end of a terminal. */
export class LineBoard {
  readonly #lines: TextLines
  readonly #rows: number
  /** The line of each torrent that has one. */
  readonly #shown = new Map<object, string>()

  /** @param rows the height of the terminal, or 0 if only the sum is shown */
  constructor(lines: TextLines, rows: number) {
    this.#lines = lines
    this.#rows = rows
  }

  /** Returns the lines of one torrent. @param describe returns its label now */
  createLines(describe: () => string): TextLines {
    const shown = this.#shown
    const say = (line: string) => this.#lines.say(line)
    const owner = {
      get label() {
        return shorten(describe())
      },
      show: (line: string) => void shown.set(owner, `${owner.label}: ${line}`),
      say,
      close: () => void shown.delete(owner),
    }
    return owner
  }

  /** Writes a line that stays. */
  say(line: string): void {
    this.#lines.say(line)
  }

  /** Shows the lines of the torrents, as many as there is room for, and the line of their sum. */
  show(sum: string): void {
    const room = Math.max(0, this.#rows - RESERVED_LINES)
    const lines = [...this.#shown.values()]
    const more = lines.length - room
    this.#lines.show(
      this.#rows === 0
        ? sum
        : [...lines.slice(0, room), ...(more > 0 ? [`and ${more} more`] : []), sum].join('\n'),
    )
  }

  /** Ends the lines that change. */
  close(): void {
    this.#lines.close()
  }
}

function shorten(label: string): string {
  return label.length > MAX_LABEL_LENGTH ? `${label.slice(0, MAX_LABEL_LENGTH - 1)}…` : label
}
