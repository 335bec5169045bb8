import { checkArgument, checkOptions } from '../codec/check-arguments.ts'
import { InputError } from '../errors.ts'
import { type Created, type CreateOptions, create as createFromFiles } from '../metainfo/create.ts'
import { type CreateFromPathOptions, createFromPath } from './create-from-path.ts'

/**
 * Creates a .torrent of a file or a directory, or of files that the caller reads.
 * Rejects with ERR_USAGE for a path that cannot be read and for invalid options, ERR_PATH for unsafe paths, ERR_METAINFO
 * for a file that changed while it was read, and ERR_ABORTED after an abort.
 */
export function create(path: string, options?: CreateFromPathOptions): Promise<Created>
export function create(options: CreateOptions): Promise<Created>
export async function create(
  first: string | CreateOptions,
  options: CreateFromPathOptions = {},
): Promise<Created> {
  checkOptions(typeof first === 'object' && first !== null ? first : options, {
    attributes: 'boolean',
    format: 'text',
    hashPool: 'object',
    name: 'text',
    onProgress: 'function',
    pieceLength: 'positive',
    select: 'function',
    signal: 'signal',
    source: 'text',
    trackers: 'array',
    useMainThread: 'boolean',
    webSeeds: 'array',
  })
  if (typeof first === 'string' && first !== '') return createFromPath(first, options)
  if (Array.isArray((first as Partial<CreateOptions> | undefined)?.files)) {
    checkArgument('name', (first as CreateOptions).name, 'text')
    return createFromFiles(first as CreateOptions)
  }
  throw new InputError('ERR_USAGE', 'path: expected the path of a file or a directory, or options with files')
}
