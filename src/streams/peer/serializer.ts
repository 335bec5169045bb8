import { encodedLength, encodeInto, type Message } from '../../codec/message.ts'
import { ParkedCallback } from '../parked-callback.ts'
import { type Done, Duplex } from '../stage.ts'
import type { Outgoing } from './outgoing.ts'

/**
 * Encodes messages. All messages that wait become one buffer, so many 17-byte requests are one write.
 *
 * in            Message, an array of them, or bytes of encoded messages, which pass unchanged
 * out           Uint8Array, whole messages
 * backpressure  takes no message while 256 KiB of bytes wait
 * fails with    nothing of its own
 * BEP           3, 10
 */
export class Serializer extends Duplex<Outgoing, Uint8Array> {
  readonly #parked = new ParkedCallback()

  constructor() {
    super({
      highWaterMark: 262144,
      byteLengthWritable: encodedBytes,
      byteLengthReadable: bytes => bytes.length,
    })
  }

  override _writev(items: Outgoing[], done: Done): void {
    let going = true
    let from = 0
    items.forEach((item, at) => {
      if (!(item instanceof Uint8Array)) return
      if (at > from) this.push(encodeItems(items.slice(from, at)))
      going = this.push(item)
      from = at + 1
    })
    if (from < items.length) going = this.push(encodeItems(from === 0 ? items : items.slice(from)))
    if (going) done()
    else this.#parked.park(done)
  }

  override _read(done: Done): void {
    this.#parked.release()
    done()
  }

  override _final(done: Done): void {
    this.push(null)
    done()
  }

  override _predestroy(): void {
    this.#parked.release()
  }
}

/** Encodes messages and batches into one buffer. */
function encodeItems(items: readonly Outgoing[]): Buffer {
  let length = 0
  for (const item of items) length += lengthOf(item)
  const bytes = Buffer.allocUnsafe(length)
  let at = 0
  for (const item of items) {
    if (isBatch(item)) for (const message of item) at = encodeInto(message, bytes, at)
    else if (!(item instanceof Uint8Array)) at = encodeInto(item, bytes, at)
  }
  return bytes
}

function isBatch(item: Outgoing): item is readonly Message[] {
  return Array.isArray(item)
}

function lengthOf(item: Outgoing): number {
  if (item instanceof Uint8Array) return item.length
  if (!isBatch(item)) return encodedLength(item)
  let length = 0
  for (const message of item) length += encodedLength(message)
  return length
}

/** Returns the weight of an item. It is called often, so a batch counts as requests of 17 bytes each. */
function encodedBytes(item: Outgoing): number {
  return isBatch(item) ? item.length * 17 || 1 : lengthOf(item) || 1
}
