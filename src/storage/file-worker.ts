/** The worker of `FileThreads`. It may block, since it does nothing else. */
import { parentPort } from 'node:worker_threads'
import { blockingFileSystem } from '../ports/blocking-file-system.ts'
import type { FileJob } from './file-job.ts'
import { runFileJob } from './run-file-job.ts'

// A missing file is an error of the file system. Its stack, which is of no use, would cost more than the call.
Error.stackTraceLimit = 0

parentPort!.on('message', async (job: FileJob) => {
  const reply = await runFileJob(blockingFileSystem, job)
  const memory = [reply.states, reply.bytes].flatMap(bytes => (bytes ? [bytes.buffer as ArrayBuffer] : []))
  parentPort!.postMessage(reply, memory)
})
