import type { HashPool } from '../../hashing/hash-pool.ts'
import type { Storage } from '../../storage/storage.ts'
import type { HashThreads } from '../../streams/torrent/verifier.ts'

/** What `findHashThreads` needs of the options of a pipeline. */
export interface HashThreadsOptions {
  readonly hashPool?: HashPool | undefined
  /** True if pieces are held in memory that workers can read. @default that of the storage */
  readonly sharedMemory?: boolean
  readonly storage: Pick<Storage, 'takesSharedMemory'>
  /** The number of missing wanted bytes. */
  readonly wanted: { readonly left: number }
}

/** Bytes that must be left for a hash thread to start, which costs as much CPU time as to hash 60 MiB. */
const MIN_THREADED_BYTES = 128 << 20
/** The share of the main thread's time that hashing must take for a thread to hash. */
const HIGH_HASH_SHARE = 0.2
/** Minimum threads of the pool. With two cores, the other one is busy with the network and the writes. */
const MIN_POOL_THREADS = 3

/** Returns the threads that hash pieces, if memory can be shared. They start only while much is left to hash. */
export function findHashThreads(options: HashThreadsOptions): HashThreads | undefined {
  const { hashPool, sharedMemory, storage, wanted } = options
  if (!hashPool || hashPool.threads < MIN_POOL_THREADS || !(sharedMemory ?? storage.takesSharedMemory))
    return undefined
  return {
    highShare: HIGH_HASH_SHARE,
    hashBytes: (bytes, shape) =>
      hashPool.hashesBytes || wanted.left >= MIN_THREADED_BYTES
        ? hashPool.hashBytes(bytes, shape)
        : undefined,
  }
}
