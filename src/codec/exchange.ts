/** A conversation: it yields how many bytes it wants next, is given just those, and returns what it came to. */
export type Conversation<Result> = Generator<number, Result, Buffer>

/** Feeds a conversation with chunks that are cut anywhere. Keeps no more than it has asked for, and the last chunk. */
export class Exchange<Result> {
  readonly #conversation: Conversation<Result>
  #pending: Buffer = Buffer.alloc(0)
  #need: number

  constructor(conversation: Conversation<Result>) {
    this.#conversation = conversation
    const first = conversation.next()
    this.#need = first.done ? 0 : first.value
  }

  /**
   * @param chunk is copied
   * @returns what it came to, once it is over, and what came after it: memory of its own
   * @throws what the conversation does
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
