import type { ErrorCode } from '../../errors.ts'

/** Why a web seed did not bring what was asked for. */
export class WebFault extends Error {
  readonly code: ErrorCode
  /** The file that could not be had (a key of `WebSite`); without it, it is the web seed that is of no use now. */
  readonly key: number | undefined
  /** Milliseconds until it may be asked again, if it said so. */
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
