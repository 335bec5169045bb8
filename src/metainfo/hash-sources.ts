import { quote } from '../codec/quote.ts'
import { InputError, StalledError } from '../errors.ts'
import type { ContentPlan, PieceHashes } from './content-plan.ts'
import { PieceHasher } from './piece-hasher.ts'
import { nameText } from './source-file.ts'
import { TreeHasher } from './tree-hasher.ts'

/** What `hashSources` needs of the options of `create`. */
export interface HashSourcesOptions {
  readonly name: string
  readonly onProgress?: (bytes: number, total: number) => void
  readonly signal?: AbortSignal
}

/** Reads all files of a plan once, in order, and returns the hashes of their pieces. Rejects as `create` does. */
export async function hashSources(
  options: HashSourcesOptions,
  plan: ContentPlan,
  length: number,
): Promise<PieceHashes> {
  const hasher = plan.format === 'v1' ? new PieceHasher(plan.pieceLength, length) : new TreeHasher(plan)
  for (const file of plan.files) {
    const { source } = file
    let left = source.length
    const refuse = (got: string) => {
      const what = quote([options.name, ...source.path.map(nameText)].join('/'))
      throw new InputError(
        'ERR_METAINFO',
        `${what}: expected ${source.length} bytes, got ${got}; the file may have changed`,
      )
    }
    checkAborted(options.signal)
    if (source.symlink) continue
    for await (const chunk of source.read()) {
      checkAborted(options.signal)
      left -= chunk.length
      if (left < 0) refuse('more')
      hasher.update(chunk, file)
      options.onProgress?.(hasher.length, length)
    }
    if (left > 0) refuse(String(source.length - left))
    if (hasher instanceof TreeHasher) hasher.endFile(file)
  }
  return hasher.digest()
}

/** @throws StalledError ERR_ABORTED after an abort */
export function checkAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new StalledError('ERR_ABORTED', 'the creation was aborted', signal.reason)
}
