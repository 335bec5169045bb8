import { constants, openSync } from 'node:fs'
import { isatty } from 'node:tty'
import { type Done, Writable } from '../../streams/stage.ts'
import { STDOUT, writeChunks } from '../stdout.ts'

/** Bytes that may wait to be written: all that gathers while one write is under way goes with the next. */
const MAX_WAITING_BYTES = 8 << 20

/**
 * Standard output that is a file, a terminal or a device.
 *
 * in            Uint8Array
 * backpressure  takes nothing while 8 MiB wait
 * fails with    StorageError
 */
export class FileSink extends Writable<Uint8Array> {
  readonly #written: (chunk: Uint8Array) => void
  readonly #fd = isatty(STDOUT) ? openTerminal() : STDOUT

  /** @param written called with each chunk once all of it is written */
  constructor(written: (chunk: Uint8Array) => void) {
    super({ highWaterMark: MAX_WAITING_BYTES, byteLength: chunk => chunk.length || 1 })
    this.#written = written
  }

  override _writev(chunks: Uint8Array[], done: Done): void {
    writeChunks(chunks, this.#fd).then(
      () => {
        for (const chunk of chunks) this.#written(chunk)
        done()
      },
      error => done(error),
    )
  }
}

/**
 * Opens the terminal anew, for writes that do not block: one that has stopped (Ctrl-S) would keep the process from exiting.
 * It stays open until the process ends, as a write may still be under way.
 * @returns the descriptor of standard output where that cannot be
 */
function openTerminal(): number {
  try {
    return openSync(`/dev/fd/${STDOUT}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY)
  } catch {
    return STDOUT
  }
}
