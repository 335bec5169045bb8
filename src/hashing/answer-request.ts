import type { Steps } from '../codec/steps.ts'
import { FileHasher } from './file-hasher.ts'
import { type FileRange, type HashReply, type HashRequest, STEP_BYTES } from './hash-job.ts'
import { hashContent, hashRun } from './hash-run.ts'
import { DirectoryLister } from './list-files.ts'

/**
 * Answers a request to `HashPool`, in a worker thread or on the main thread. A step blocks its thread.
 * @throws a system error, with the path of its file if that is known
 */
export function* answerRequest(request: HashRequest): Steps<HashReply> {
  if ('directories' in request) {
    const lister = new DirectoryLister(request)
    const list = (directory: string) => lister.list(directory)
    return { listings: yield* inSteps(request.directories, list, () => STEP_BYTES) }
  }
  if ('content' in request) return { run: yield* hashContent(request) }
  if ('run' in request) return { run: yield* hashRun(request.run) }
  const hasher = new FileHasher()
  try {
    if ('pieces' in request) {
      return { hashes: yield* inSteps(request.pieces, piece => hasher.hashPiece(piece), sumLengths) }
    }
    const trees = inSteps(
      request.trees,
      piece => hasher.hashTree(piece),
      ({ range }) => range.length,
    )
    return { trees: yield* trees }
  } finally {
    hasher.close()
  }
}

/** Maps items, and ends a step after each STEP_BYTES. */
function* inSteps<Item, Result>(
  items: readonly Item[],
  work: (item: Item) => Result,
  bytesOfItem: (item: Item) => number,
): Steps<Result[]> {
  const results: Result[] = []
  let left = STEP_BYTES
  for (const item of items) {
    results.push(work(item))
    left -= bytesOfItem(item)
    if (left > 0) continue
    yield
    left = STEP_BYTES
  }
  return results
}

function sumLengths(ranges: readonly FileRange[]): number {
  return ranges.reduce((sum, { length }) => sum + length, 0)
}
