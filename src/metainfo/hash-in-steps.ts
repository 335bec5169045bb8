import { createHash } from 'node:crypto'
import type { Steps } from '../codec/steps.ts'

/** Bytes to hash between two yields. */
const HASH_CHUNK_BYTES = 4 * 1024 * 1024

/** Returns the hash of bytes, in steps of a few milliseconds. */
export function* hashInSteps(algorithm: 'sha1' | 'sha256', bytes: Uint8Array): Steps<Buffer> {
  const hash = createHash(algorithm)
  for (let at = 0; at < bytes.length; at += HASH_CHUNK_BYTES) {
    hash.update(bytes.subarray(at, at + HASH_CHUNK_BYTES))
    yield
  }
  return hash.digest()
}
