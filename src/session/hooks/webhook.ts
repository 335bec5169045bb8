import { addAbortListener } from 'node:events'
import { checkArgument, checkOptions } from '../../codec/check-arguments.ts'
import { urlOf } from '../../codec/url.ts'
import { DiscoveryError, InputError, messageOf } from '../../errors.ts'
import { type Clock, systemClock } from '../../ports/clock.ts'
import { HttpClient, type HttpOpen } from '../../ports/http-client.ts'
import { targetOf } from '../../ports/http-follow.ts'
import { VERSION } from '../../version.ts'
import type { Hook, HookEvent } from './hook-event.ts'

/** Options of `Webhook`. */
export interface WebhookOptions {
  readonly clock?: Clock
  /** Sends requests. @default node:http and node:https */
  readonly http?: HttpOpen
}

/** Milliseconds that a server has for its answer. */
const ANSWER_TIMEOUT_MS = 10_000
/** Milliseconds before each further try. */
const RETRY_DELAYS_MS = [1000, 5000, 30_000, 120_000]
/** Statuses of failures that may be temporary. */
const isTemporary = (status: number) => status >= 500 || status === 408 || status === 425 || status === 429

/**
 * Sends each event to a URL, as JSON with POST. After a failure that may be temporary the request is sent again, five
 * times in all.
 */
export class Webhook implements Hook {
  readonly #url: URL
  readonly #clock: Clock
  readonly #open: HttpOpen

  /** @throws InputError ERR_USAGE for a URL that is not http or https */
  constructor(url: string, options: WebhookOptions = {}) {
    checkArgument('url', url, 'text')
    checkOptions(options, { clock: 'object', http: 'function' })
    const { clock = systemClock, http = new HttpClient().open } = options
    const parsed = urlOf(url)
    if (!parsed || !/^https?:$/.test(parsed.protocol))
      throw new InputError('ERR_USAGE', `webhook: expected an http or https URL, got ${JSON.stringify(url)}`)
    this.#url = parsed
    this.#clock = clock
    this.#open = http
  }

  /** See Hook. */
  async deliver(event: HookEvent, signal: AbortSignal): Promise<void> {
    const body = Buffer.from(JSON.stringify(event))
    for (let tries = 0; ; tries++) {
      const failure = await this.#send(body, signal)
      if (!failure) return
      const delay = failure.isTemporary ? RETRY_DELAYS_MS[tries] : undefined
      if (delay === undefined || signal.aborted)
        throw new DiscoveryError(
          'ERR_CONNECTION',
          `the webhook ${this.#url.origin} failed: ${failure.reason}`,
        )
      await this.#wait(delay, signal)
    }
  }

  /** Sends once. @returns the failure, if there is one */
  async #send(
    body: Uint8Array,
    signal: AbortSignal,
  ): Promise<{ readonly reason: string; readonly isTemporary: boolean } | undefined> {
    const abort = new AbortController()
    const listener = addAbortListener(signal, () => abort.abort(signal.reason))
    const timer = this.#clock.setTimeout(
      () => abort.abort(new Error(`no answer within ${ANSWER_TIMEOUT_MS / 1000} s`)),
      ANSWER_TIMEOUT_MS,
    )
    try {
      const { allowedScope, authorization, url } = targetOf(this.#url, 'torrent', 'user')
      const reply = await this.#open(url, {
        ...{ allowedScope, body, signal: abort.signal },
        headers: {
          'User-Agent': `tsdl/${VERSION}`,
          'Content-Type': 'application/json',
          'Content-Length': String(body.length),
          ...(authorization === undefined ? {} : { Authorization: authorization }),
        },
      })
      reply.body.destroy()
      if (reply.status >= 200 && reply.status < 300) return undefined
      return { reason: `HTTP status ${reply.status}`, isTemporary: isTemporary(reply.status) }
    } catch (error) {
      return { reason: messageOf(error), isTemporary: true }
    } finally {
      this.#clock.clearTimeout(timer)
      listener[Symbol.dispose]()
    }
  }

  #wait(delay: number, signal: AbortSignal): Promise<void> {
    return new Promise(resolve => {
      const end = () => {
        this.#clock.clearTimeout(timer)
        listener[Symbol.dispose]()
        resolve()
      }
      const timer = this.#clock.setTimeout(end, delay)
      const listener = addAbortListener(signal, end)
    })
  }
}
