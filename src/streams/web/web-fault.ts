import type { ErrorCode } from '../../errors.ts'

/** The reason why a web seed did not send the requested bytes. */
export class WebFault extends Error {
  readonly code: ErrorCode
  /** The file that failed (a key of `WebSite`); undefined if the whole web seed failed. */
  readonly key: number | undefined
  /** Milliseconds until the next request, if the server named a time. */
  readonly after: number | undefined

  constructor(
    code: ErrorCode,
    message: string,
    more: { key?: number; after?: number; cause?: unknown } = {},
  ) {
    super(message, { cause: more.cause })
    this.code = code
    this.key = more.key
    this.after = more.after
  }
}
