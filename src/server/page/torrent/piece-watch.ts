import type { Torrent } from '../../../pipeline/torrent.ts'

/** Follows which pieces of a torrent are verified or lost. A torrent of a session is another object after each start. */
export class PieceWatch {
  readonly #onChange: (index: number) => void
  #torrent: Torrent | undefined

  constructor(onChange: (index: number) => void) {
    this.#onChange = onChange
  }

  /** Follows this torrent from now on. @returns true if it is another one than before */
  follow(torrent: Torrent | undefined): boolean {
    if (torrent === this.#torrent) return false
    this.#torrent?.off('verified', this.#onChange).off('lost', this.#onChange)
    this.#torrent = torrent
    torrent?.on('verified', this.#onChange).on('lost', this.#onChange)
    return true
  }

  /** Follows none. */
  close(): void {
    this.follow(undefined)
  }
}
