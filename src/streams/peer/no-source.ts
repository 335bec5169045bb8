import type { BlockSource } from '../block-source.ts'

/** A source that has no work: for a peer that is connected before the metadata is known. */
export const NO_SOURCE: BlockSource = {
  takeBlocks: () => [],
  onArrival() {},
  onLoss() {},
  onBitfield() {},
  onHave() {},
  onDontHave() {},
  findPiece: () => undefined,
  wants: () => false,
  onLeave() {},
}
