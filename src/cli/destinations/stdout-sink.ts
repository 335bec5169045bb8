import type { Sink } from '../../streams/stage.ts'
import { FileSink } from './file-sink.ts'
import { PipeSink } from './pipe-sink.ts'
import { isPipe } from './stdout-worker.ts'

/**
 * Opens standard output as a stage: for a pipe or a socket, or for anything else.
 * @param written called with each chunk once the system has all of it: its memory may be used again
 */
export function openStdout(written: (chunk: Uint8Array) => void): Sink<Uint8Array> {
  return isPipe() ? new PipeSink(written) : new FileSink(written)
}
