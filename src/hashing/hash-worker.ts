/** The worker of `HashPool`: reads files and hashes pieces. It may block, since it does nothing else. */
import { parentPort } from 'node:worker_threads'
import { runAtOnce } from '../codec/steps.ts'
import { digestPiece } from '../metainfo/piece-digest.ts'
import { pick } from '../ports/pick.ts'
import { answerRequest } from './answer-request.ts'
import type { HashReply, HashRequest, MemoryPiece } from './hash-job.ts'

parentPort!.on('message', (request: HashRequest | MemoryPiece) => {
  if ('bytes' in request) {
    parentPort!.postMessage(digestPiece(request.bytes, request.shape))
    return
  }
  parentPort!.postMessage(reply(request))
})

function reply(request: HashRequest): HashReply {
  try {
    return runAtOnce(answerRequest(request))
  } catch (error) {
    const { code, errno, message, path, syscall } = error as NodeJS.ErrnoException
    return { error: { message, ...pick({ code, errno, path, syscall }, 'code', 'errno', 'path', 'syscall') } }
  }
}
