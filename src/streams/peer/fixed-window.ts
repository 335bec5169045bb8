import type { RequestWindow } from '../block-source.ts'

/** A request window of constant size, in blocks. */
export class FixedWindow implements RequestWindow {
  readonly size: number

  constructor(size = 64) {
    this.size = size
  }

  onBlock(): void {}
  onSnub(): void {}
  onRefusal(): void {}
}
