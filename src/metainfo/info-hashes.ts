/** The info-hashes of a torrent: SHA-1 for v1 (BEP 3), SHA-256 for v2 (BEP 52). A hybrid torrent has both. */
import { hash } from 'node:crypto'
import { InputError } from '../errors.ts'
import type { Metainfo } from './metainfo.ts'

/** The hashes that are known of a torrent. A link has at least one of them. */
export type InfoHashes = Partial<Pick<Metainfo, 'infoHash' | 'infoHashV2'>>

/** Length of an info-hash on the wire, in trackers and in the DHT, in bytes. */
const WIRE_HASH_BYTES = 20

/** Returns the v2 info-hash in 20 bytes, if there is one (BEP 52). */
export function truncatedV2({ infoHashV2 }: InfoHashes): Buffer | undefined {
  return infoHashV2?.subarray(0, WIRE_HASH_BYTES)
}

/** Returns the 20 bytes that name a torrent: the v1 info-hash if there is one, and otherwise the truncated v2 info-hash. */
export function wireHashOf(hashes: InfoHashes): Buffer {
  const name = hashes.infoHash ?? truncatedV2(hashes)
  if (!name) throw new InputError('ERR_USAGE', 'a torrent without an info-hash')
  return name
}

/** Returns true if a raw `info` dictionary has one of these info-hashes. */
export function hasHash(info: Uint8Array, { infoHash, infoHashV2 }: InfoHashes): boolean {
  if (infoHash && hash('sha1', info, 'buffer').equals(infoHash)) return true
  return infoHashV2 !== undefined && hash('sha256', info, 'buffer').equals(infoHashV2)
}

/** Checks that a torrent has each of the expected info-hashes. @throws InputError ERR_METAINFO that names both */
export function checkHashes(metainfo: Metainfo, expected: InfoHashes): void {
  const { infoHash, infoHashV2 } = expected
  // a torrent that is used as v1, since its v2 part is invalid, has no v2 info-hash
  const isV1 = infoHash !== undefined && metainfo.infoHashV2 === undefined
  requireSameHash(infoHash === undefined || infoHash.equals(metainfo.infoHash), metainfo.infoHash, infoHash)
  requireSameHash(
    isV1 || !infoHashV2 || metainfo.infoHashV2?.equals(infoHashV2) === true,
    metainfo.infoHashV2,
    infoHashV2,
  )
}

function requireSameHash(isSame: boolean, got: Buffer | undefined, expected: Buffer | undefined): void {
  if (isSame) return
  const name = got?.toString('hex') ?? 'without a valid v2 part'
  throw new InputError('ERR_METAINFO', `another torrent, ${name}: expected ${expected?.toString('hex')}`)
}
