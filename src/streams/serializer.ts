import { encodedLength, encodeInto, type Message } from '../codec/message.ts'
import { type Done, Duplex } from './stage.ts'

/**
 * Turns messages into bytes, all that wait at once into one buffer: many 17-byte requests are one write.
 *
 * in            Message
 * out           Buffer, whole messages
 * backpressure  takes no message while 256 KiB of bytes wait
 * fails with    nothing of its own
 * BEP           3, 10
 */
export class Serializer extends Duplex<Message, Buffer> {
  #drained: Done | null = null

  constructor() {
    super({
      highWaterMark: 262144,
      byteLengthWritable: encodedLength,
      byteLengthReadable: bytes => bytes.length,
    })
  }

  override _writev(messages: Message[], done: Done): void {
    let length = 0
    for (const message of messages) length += encodedLength(message)
    const bytes = Buffer.allocUnsafe(length)
    let at = 0
    for (const message of messages) at = encodeInto(message, bytes, at)
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
