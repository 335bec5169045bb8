import { RUN_LENGTH } from '../streams/responder.ts'
import { PiecePool } from './piece-pool.ts'

/** Runs of blocks that are kept for the next one: a few peers are served at a time. */
const KEPT = 32

/** Memory for what goes out to the peers of a torrent. */
export function runPool(): PiecePool {
  return new PiecePool(RUN_LENGTH, KEPT)
}
