import { addAbortListener } from 'node:events'
import { BLOCK_LENGTH } from '../../codec/message.ts'
import { quote } from '../../codec/quote.ts'
import { judgeReply } from '../../codec/range-reply.ts'
import { messageOf } from '../../errors.ts'
import type { WebPart, WebSite } from '../../metainfo/web-site.ts'
import type { Trust } from '../../ports/address-policy.ts'
import type { HttpOpen, HttpResponse } from '../../ports/http-client.ts'
import { follow, type HttpTarget, targetOf } from '../../ports/http-follow.ts'
import { WebBody } from './web-body.ts'
import { WebFault } from './web-fault.ts'
import type { WebRun } from './web-run.ts'
import { WebStreams } from './web-streams.ts'

export interface WebLaneOptions {
  readonly site: WebSite
  readonly open: HttpOpen
  /** Sent as User-Agent. */
  readonly userAgent: string
  /** The origin of the URL, which decides where it may lead. */
  readonly trust: Trust
  /** Milliseconds of the clock. */
  readonly now: () => number
  /** An answer is good: bytes of this file (a key of the site) follow. */
  readonly onAnswer: (key: number) => void
  /** So many bytes came; resolves when more may. */
  readonly onBytes: (bytes: number, useless: boolean) => Promise<void> | undefined
}

/** Redirects that are kept, and milliseconds for which each is kept. */
const MAX_TARGETS = 64
const TARGET_LIFE_MS = 600_000
/** Bytes at most of what a busy script says (BEP 17): a number of seconds. */
const MAX_DIGITS = 16
/** Answers at most for each block of a run: each brings less than was asked for. */
const MAX_ANSWERS = 64
/** Bytes that make a broken answer worth going on from at once. */
const WORTHWHILE = BLOCK_LENGTH

/** Fetches runs of blocks from one web seed: one request after another for each run, a request for each file in it. */
export class WebLane {
  /** What servers that ignore ranges send, from a file's first byte on. */
  readonly streams = new WebStreams()
  readonly #options: WebLaneOptions
  /** Where redirects have led, by the URL they began with. */
  readonly #targets = new Map<string, { readonly target: HttpTarget; readonly until: number }>()

  constructor(options: WebLaneOptions) {
    this.#options = options
  }

  /** Writes all of a run, or resolves when the rest of it is better fetched later; rejects with a WebFault. */
  async fetch(run: WebRun): Promise<void> {
    let answers = 0
    const { position } = run
    for (run.trim(); run.left > 0; run.trim()) {
      const part = this.#options.site.part(run.position, run.left)
      if (!part.url) run.zeros(part.length)
      else if (++answers > MAX_ANSWERS * (1 + (run.position - position) / BLOCK_LENGTH))
        throw this.#fault(part, `more than ${MAX_ANSWERS} answers for a block`)
      else if (!(await this.#fetchPart(run, part, part.url))) return
    }
  }

  /** Ends what is kept open. */
  close(): void {
    this.streams.close()
  }

  /** @returns false when another run is to come first */
  async #fetchPart(run: WebRun, part: WebPart, url: URL): Promise<boolean> {
    const { signal } = run.control
    const kept = this.streams.at(part)
    let body = kept
    try {
      body ??= await this.#ask(run, part, url)
      if (!body) return false
      await this.#read(run, part, body)
      return true
    } catch (error) {
      if (signal.aborted && !(signal.reason instanceof WebFault) && this.streams.has(body)) throw error
      if (body) this.streams.drop(body)
      // A server may end a connection that we let wait: that says nothing of the next one.
      if (kept && !signal.aborted && !(error instanceof WebFault)) return true
      this.#targets.delete(url.href) // it may have led astray
      throw error instanceof WebFault
        ? error
        : new WebFault('ERR_CONNECTION', messageOf(error), { cause: error })
    }
  }

  /** Asks for a part. @returns its bytes, or undefined when those of the file that come first are to be read first */
  async #ask(run: WebRun, part: WebPart, url: URL): Promise<WebBody | undefined> {
    const { key, length, range } = part
    const control = new AbortController()
    const { signal } = run.control
    const listener = addAbortListener(signal, () => control.abort(signal.reason))
    try {
      signal.throwIfAborted()
      const { status, headers, body } = await this.#follow(part, url, control.signal)
      const verdict = judgeReply({ status, headers }, { length, ...range })
      if (verdict.kind !== 'body') {
        const said = range || status !== 503 ? undefined : await secondsIn(body)
        control.abort()
        body.destroy()
        if (verdict.kind === 'unusable') throw this.#fault(part, verdict.why)
        const after = said ?? verdict.after
        throw new WebFault('ERR_CONNECTION', verdict.why, after === undefined ? {} : { after })
      }
      const answer = new WebBody(body, verdict.from, verdict.to, control)
      const offset = run.position - (range?.first ?? 0)
      const admission = this.streams.admit(part, offset, answer, status === 206)
      if (admission === 'refused') {
        answer.close()
        throw this.#fault(part, 'it ignores ranges, and too much would have to be read again')
      }
      this.#options.onAnswer(key)
      return admission === 'read' ? answer : undefined
    } finally {
      listener[Symbol.dispose]()
    }
  }

  async #follow({ range, length }: WebPart, url: URL, signal: AbortSignal): Promise<HttpResponse> {
    const { open, trust, userAgent, now } = this.#options
    const headers = {
      'User-Agent': userAgent,
      Accept: '*/*',
      'Accept-Encoding': 'identity',
      ...(range ? { Range: `bytes=${range.first}-${range.first + length - 1}` } : {}),
    }
    const known = this.#targets.get(url.href)
    const first = known && now() < known.until ? known.target : targetOf(url, 'web-seed', trust)
    const { reply, target } = await follow(open, first, { headers, signal, purpose: 'web-seed', trust })
    if (target !== first && (known || this.#targets.size < MAX_TARGETS))
      this.#targets.set(url.href, { target, until: now() + TARGET_LIFE_MS })
    return reply
  }

  /** Writes what an answer brings of a part. */
  async #read(run: WebRun, part: WebPart, body: WebBody): Promise<void> {
    const { length, range: { first } = { first: 0 } } = part
    const { signal } = run.control
    const to = Math.min(first + length, body.end)
    const { onBytes } = this.#options
    const start = body.position
    try {
      while (body.position < to) {
        const skips = body.position < first
        const bytes = await body.read((skips ? first : to) - body.position, signal)
        if (!bytes) throw new WebFault('ERR_CONNECTION', `the answer ended ${to - body.position} bytes early`)
        if (skips) this.streams.passed(body)
        else {
          this.streams.read(body, bytes.length)
          run.write(bytes)
        }
        await onBytes(bytes.length, skips)
      }
    } catch (error) {
      // What it brought counts, and the rest is asked for.
      if (signal.aborted || body.position - Math.max(start, first) < WORTHWHILE) throw error
      this.streams.drop(body)
      return
    }
    if (body.position < body.end) this.streams.leave(body)
    else if (await body.read(1, signal))
      throw this.#fault(part, `more than the ${body.end - start} bytes that were asked for`)
    else this.streams.forget(body)
  }

  #fault({ key }: WebPart, why: string): WebFault {
    const name = this.#options.site.nameOf(key)
    return new WebFault('ERR_MESSAGE', name === undefined ? why : `${why}, for ${quote(name)}`, { key })
  }
}

/** How long to wait, in ms, as the body of a refusal says it (BEP 17). */
async function secondsIn(body: HttpResponse['body']): Promise<number | undefined> {
  let text = ''
  for await (const chunk of body) {
    text += Buffer.from(chunk).toString('latin1')
    if (text.length > MAX_DIGITS) break
  }
  return /^\s*\d{1,9}\s*$/.test(text) ? Number(text) * 1000 : undefined
}
