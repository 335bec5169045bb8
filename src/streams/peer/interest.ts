import { Bitfield } from '../../codec/bitfield.ts'
import type { Message } from '../../codec/message.ts'
import { PeerError } from '../../errors.ts'
import type { BlockSource, Fetcher } from '../block-source.ts'
import { PeerPieces } from './peer-pieces.ts'

export interface InterestOptions {
  readonly fetcher: Fetcher
  readonly pieceCount: number
  readonly source: BlockSource
  readonly send: (message: Message) => void
}

/** What one peer says that it has, and whether we are interested in that (BEP 3, 6, 54). */
export class Interest {
  readonly offer: PeerPieces
  /** Whether we are, and have said so. */
  shown = false
  /** While the peer's pieces are taken one message after the other, nothing is said: `update` follows. */
  paused = false
  readonly #options: InterestOptions

  constructor(options: InterestOptions) {
    const { pieceCount, source } = options
    this.#options = options
    this.offer = new PeerPieces(pieceCount, index => source.wants(index))
  }

  /** The peer has one more. @returns whether we want it */
  add(index: number): boolean {
    const { fetcher, source } = this.#options
    const { size } = this.offer.bits
    if (index >= size) throw new PeerError('ERR_MESSAGE', `have ${index} of a torrent of ${size} pieces`)
    if (!this.offer.add(index)) return false
    source.have(fetcher, index)
    if (!source.wants(index)) return false
    this.update()
    return true
  }

  /** The peer has exactly these. */
  set(message: Extract<Message, { type: 'bitfield' | 'haveAll' | 'haveNone' }>): void {
    const { fetcher, source } = this.#options
    const before = this.offer.bits
    const { size } = before
    if (message.type === 'bitfield') this.offer.set(Bitfield.from(message.bytes, size))
    else this.offer.set(message.type === 'haveAll' ? Bitfield.full(size) : new Bitfield(size))
    source.bitfield(fetcher, before)
    this.update()
  }

  /** The peer has this piece no longer. @returns whether it had it */
  delete(index: number): boolean {
    const { fetcher, source } = this.#options
    if (!this.offer.delete(index)) return false
    source.lack(fetcher, index)
    this.update()
    return true
  }

  /** We have this piece now: it is no reason any more to be interested. */
  done(index: number): void {
    this.offer.done(index)
    this.update()
  }

  /** We have this piece no longer: it may be a reason to be interested. */
  undone(index: number): void {
    this.offer.undone(index)
    this.update()
  }

  /** Says whether we are interested, if that has changed. */
  update(): void {
    if (!this.paused) this.show(this.offer.useful > 0)
  }

  show(interested: boolean): void {
    if (interested === this.shown) return
    this.shown = interested
    this.#options.send({ type: interested ? 'interested' : 'notInterested' })
  }
}
