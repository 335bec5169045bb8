import { constants, openSync } from 'node:fs'
import { isatty } from 'node:tty'
import { type Done, Writable } from '../../streams/index.ts'
import { STDOUT_FD, writeChunks } from '../stdout.ts'

/** Maximum number of bytes that wait to be written. Chunks that come during a write go out together in the next. */
const MAX_WAITING_BYTES = 8 << 20

/**
 * Writes to standard output if it is a file, a terminal or a device.
 *
 * in            Uint8Array
 * backpressure  takes nothing while 8 MiB wait
 * fails with    StorageError
 */
export class FileSink extends Writable<Uint8Array> {
  readonly #written: (chunk: Uint8Array) => void
  readonly #fd = isatty(STDOUT_FD) ? openTerminal() : STDOUT_FD

  /** @param written called with each chunk after all of it is written */
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
 * Opens the terminal again for non-blocking writes. A blocked write to a stopped terminal (Ctrl-S) would keep the process
 * from exiting. The descriptor stays open until the process ends, because a write may be in progress.
 * @returns the descriptor of standard output if the terminal cannot be opened
 */
function openTerminal(): number {
  try {
    return openSync(`/dev/fd/${STDOUT_FD}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY)
  } catch {
    return STDOUT_FD
  }
}
