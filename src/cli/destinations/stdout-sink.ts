import type { Sink } from '../../streams/index.ts'
import { FileSink } from './file-sink.ts'
import { PipeSink } from './pipe-sink.ts'
import { isPipe } from './stdout-worker.ts'

/**
 * Opens standard output as a stage.
 * @param written called with each chunk after all of it is written; its memory can then be reused
 */
export function openStdout(written: (chunk: Uint8Array) => void): Sink<Uint8Array> {
  return isPipe() ? new PipeSink(written) : new FileSink(written)
}
