import type { IncomingMessage } from 'node:http'

/** Maximum bytes of one body: a .torrent of 48 MiB in base64. */
export const MAX_BODY_BYTES = 64 << 20
/** Maximum bytes of all bodies that are received at the same time. */
const MAX_BODIES_BYTES = 192 << 20

/** A body that is not accepted. The connection is closed after the response. */
export class BodyRefused extends Error {
  /** 413 for a body that is too long, 503 if others take the memory. */
  readonly status: 413 | 503

  constructor(status: 413 | 503, message: string) {
    super(message)
    this.status = status
  }
}

/** Reads bodies of requests into memory, within a limit for each and for all of them. */
export class Bodies {
  #received = 0

  /** Reads the body of a request. Rejects with BodyRefused, or if the client disconnects. */
  async read(request: IncomingMessage): Promise<Buffer> {
    const announced = Number(request.headers['content-length'] ?? 0)
    if (announced > MAX_BODY_BYTES)
      throw new BodyRefused(413, `the body is longer than ${MAX_BODY_BYTES} bytes`)
    const parts: Buffer[] = []
    let length = 0
    try {
      for await (const part of request as AsyncIterable<Buffer>) {
        length += part.length
        this.#received += part.length
        if (length > MAX_BODY_BYTES)
          throw new BodyRefused(413, `the body is longer than ${MAX_BODY_BYTES} bytes`)
        if (this.#received > MAX_BODIES_BYTES)
          throw new BodyRefused(503, 'other requests take all of the memory')
        parts.push(part)
      }
      return Buffer.concat(parts, length)
    } finally {
      this.#received -= length
    }
  }
}
