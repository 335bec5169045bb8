/** The worker of `HashPool`: reads files and hashes pieces. It may block, since it does nothing else. */
import { hash as hashBytes } from 'node:crypto'
import { parentPort } from 'node:worker_threads'
import { runAtOnce } from '../codec/steps.ts'
import { pick } from '../ports/pick.ts'
import { answerRequest } from './answer-request.ts'
import type { HashReply, HashRequest } from './hash-job.ts'

parentPort!.on('message', (request: HashRequest | Uint8Array) =>
  parentPort!.postMessage(
    request instanceof Uint8Array ? hashBytes('sha1', request, 'buffer') : reply(request),
  ),
)

function reply(request: HashRequest): HashReply {
  try {
    return runAtOnce(answerRequest(request))
  } catch (error) {
    const { code, errno, message, path, syscall } = error as NodeJS.ErrnoException
    return { error: { message, ...pick({ code, errno, path, syscall }, 'code', 'errno', 'path', 'syscall') } }
  }
}
