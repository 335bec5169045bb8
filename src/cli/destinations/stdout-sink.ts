import { fstatSync } from 'node:fs'
import type { Sink } from '../../streams/stage.ts'
import { STDOUT } from '../stdout.ts'
import { FileSink } from './file-sink.ts'
import { PipeSink } from './pipe-sink.ts'

/**
 * Opens standard output as a stage: for a pipe or a socket, or for anything else.
 * @param written called with each chunk once the system has all of it: its memory may be used again
 */
export function openStdout(written: (chunk: Uint8Array) => void): Sink<Uint8Array> {
  return isPipe() ? new PipeSink(written) : new FileSink(written)
}

/** True when standard output is a pipe or a socket, which takes bytes at the pace of its reader. */
function isPipe(): boolean {
  if (process.platform === 'win32') return false // a worker cannot wait for a pipe there
  const stdout = fstatSync(STDOUT)
  return stdout.isFIFO() || stdout.isSocket()
}
