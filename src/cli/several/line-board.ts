import type { Status } from '../live/status.ts'
import type { LiveLines, TextLines } from '../text-lines.ts'

/** Maximum characters of a label. */
const MAX_LABEL_LENGTH = 40

/** A line for each torrent, and one for all together, at the end of a terminal. */
export class LineBoard {
  readonly #lines: Pick<LiveLines, 'close' | 'say' | 'showAll'>
  /** The status of each torrent that has one. */
  readonly #shown = new Map<object, Status>()

  constructor(lines: Pick<LiveLines, 'close' | 'say' | 'showAll'>) {
    this.#lines = lines
  }

  /** Returns the lines of one torrent. @param describe returns its label now */
  createLines(describe: () => string): TextLines {
    const shown = this.#shown
    const say = (line: string) => this.#lines.say(line)
    const owner = {
      get label() {
        return shorten(describe())
      },
      show: (status: Status) => void shown.set(owner, { ...status, name: describe() }),
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
  show(sum: Status): void {
    this.#lines.showAll([...this.#shown.values(), sum])
  }

  /** Ends the lines that change. */
  close(): void {
    this.#lines.close()
  }
}

function shorten(label: string): string {
  return label.length > MAX_LABEL_LENGTH ? `${label.slice(0, MAX_LABEL_LENGTH - 1)}…` : label
}
