/** A protocol exchange as a generator: it yields the number of bytes to read, receives them, and returns the result. */
export type HandshakeSteps<Result> = Generator<number, Result, Buffer>

/** Feeds a conversation from chunks of any size. It buffers at most the requested bytes and the last chunk. */
export class HandshakeRunner<Result> {
  readonly #conversation: HandshakeSteps<Result>
  #pending: Buffer = Buffer.alloc(0)
  #need: number

  constructor(conversation: HandshakeSteps<Result>) {
    this.#conversation = conversation
    const first = conversation.next()
    this.#need = first.done ? 0 : first.value
  }

  /**
   * Feeds one chunk, which is copied.
   * @returns the result and the bytes after the conversation when it has ended, otherwise undefined
   * @throws what the conversation throws
   */
  take(chunk: Uint8Array): { readonly result: Result; readonly rest: Buffer } | undefined {
    const bytes = Buffer.concat([this.#pending, chunk])
    let at = 0
    while (bytes.length - at >= this.#need) {
      const part = bytes.subarray(at, at + this.#need)
      at += this.#need
      const next = this.#conversation.next(part)
      if (next.done) return { result: next.value, rest: bytes.subarray(at) }
      this.#need = next.value
    }
    this.#pending = bytes.subarray(at)
    return undefined
  }
}
