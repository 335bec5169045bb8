import { encodedLength, encodeInto, type Message } from '../codec/message.ts'
import { type Done, Duplex } from './stage.ts'

/** One message, or several that belong together: a batch of requests is one item on its way, not hundreds. */
export type Outgoing = Message | readonly Message[]

/**
 * Turns messages into bytes, all that wait at once into one buffer: many 17-byte requests are one write.
 *
 * in            Message, or an array of them
 * out           Buffer, whole messages
 * backpressure  takes no message while 256 KiB of bytes wait
 * fails with    nothing of its own
 * BEP           3, 10
 */
export class Serializer extends Duplex<Outgoing, Buffer> {
  #drained: Done | null = null

  constructor() {
    super({
      highWaterMark: 262144,
      byteLengthWritable: weigh,
      byteLengthReadable: bytes => bytes.length,
    })
  }

  override _writev(items: Outgoing[], done: Done): void {
    let length = 0
    for (const item of items) length += lengthOf(item)
    const bytes = Buffer.allocUnsafe(length)
    let at = 0
    for (const item of items) {
      if (isBatch(item)) for (const message of item) at = encodeInto(message, bytes, at)
      else at = encodeInto(item, bytes, at)
    }
    if (this.push(bytes)) done()
    else this.#drained = done
  }

  override _read(done: Done): void {
    this.#proceed()
    done()
  }

  override _final(done: Done): void {
    this.push(null)
    done()
  }

  override _predestroy(): void {
    this.#proceed()
  }

  #proceed(): void {
    const drained = this.#drained
    this.#drained = null
    drained?.()
  }
}

function isBatch(item: Outgoing): item is readonly Message[] {
  return Array.isArray(item)
}

function lengthOf(item: Outgoing): number {
  if (!isBatch(item)) return encodedLength(item)
  let length = 0
  for (const message of item) length += encodedLength(message)
  return length
}

/** What waits is weighed often: a batch holds requests, 17 bytes each. */
function weigh(item: Outgoing): number {
  return isBatch(item) ? item.length * 17 || 1 : encodedLength(item)
}
