import { addAbortListener } from 'node:events'
import { BLOCK_LENGTH } from '../../codec/message.ts'
import { quote } from '../../codec/quote.ts'
import { judgeReply } from '../../codec/range-reply.ts'
import type { WebPart, WebSite } from '../../metainfo/web-site.ts'
import type { Trust } from '../../ports/address-policy.ts'
import type { Clock } from '../../ports/clock.ts'
import { Emitter } from '../../ports/emitter.ts'
import type { HttpOpen, HttpResponse } from '../../ports/http-client.ts'
import { follow, type HttpTarget, targetOf } from '../../ports/http-follow.ts'
import { reasonOf } from '../../ports/reason-of.ts'
import type { ByteGate } from '../byte-gate.ts'
import { WebBody } from './web-body.ts'
import { WebFault } from './web-fault.ts'
import type { WebRun } from './web-run.ts'
import { WebStreams } from './web-streams.ts'

export interface WebLaneOptions {
  readonly site: WebSite
  readonly open: HttpOpen
  /** Sent as User-Agent. */
  readonly userAgent: string
  /** The origin of the URL, which decides which addresses it may reach. */
  readonly trust: Trust
  readonly clock: Clock
  /** Limits the rate of the received bytes. */
  readonly gate: Pick<ByteGate, 'pass'>
}

export interface WebLaneEvents {
  /** A valid response has come, before the bytes of this file (a key of the site). */
  answer: [key: number]
  /** Bytes were received that nothing needs. */
  skipped: [bytes: number]
}

/** Redirects that are kept, and milliseconds for which each is kept. */
const MAX_TARGETS = 64
const TARGET_LIFE_MS = 600_000
/** Maximum bytes of the answer of a busy script (BEP 17): a number of seconds. */
const MAX_DIGITS = 16
/** Maximum responses for each block of a run: each may be shorter than requested. */
const MAX_ANSWERS = 64
/** Minimum bytes of a response that was cut off, for the next request to be sent at once. */
const MIN_PARTIAL_BYTES = BLOCK_LENGTH

/** Fetches runs of blocks from one web seed, with one request at a time for each run and one request for each file. */
export class WebLane extends Emitter<WebLaneEvents> {
  /** The open responses of servers that ignore ranges. */
  readonly streams = new WebStreams()
  readonly #options: WebLaneOptions
  /** The targets of redirects, by their first URL. */
  readonly #targets = new Map<string, { readonly target: HttpTarget; readonly until: number }>()

  constructor(options: WebLaneOptions) {
    super()
    this.#options = options
  }

  /** Writes a run. Resolves early if the rest should be fetched later. Rejects with a WebFault. */
  async fetch(run: WebRun): Promise<void> {
    let answers = 0
    const { position } = run
    for (run.trim(); run.left > 0; run.trim()) {
      const part = this.#options.site.part(run.position, run.left)
      if (!part.url) run.zeros(part.length)
      else if (++answers > MAX_ANSWERS * (1 + (run.position - position) / BLOCK_LENGTH))
        throw this.#makeFault(part, `more than ${MAX_ANSWERS} answers for a block`)
      else if (!(await this.#fetchPart(run, part, part.url))) return
    }
  }

  /** Closes all open responses. */
  close(): void {
    this.streams.close()
  }

  /** @returns false if another run should come first */
  async #fetchPart(run: WebRun, part: WebPart, url: URL): Promise<boolean> {
    const { signal } = run.control
    const kept = this.streams.findBody(part)
    let body = kept
    try {
      body ??= await this.#request(run, part, url)
      if (!body) return false
      await this.#read(run, part, body)
      return true
    } catch (error) {
      if (signal.aborted && !(signal.reason instanceof WebFault) && this.streams.has(body)) throw error
      if (body) this.streams.abort(body)
      // A server may end a connection that waited. That is no failure of the server.
      if (kept && !signal.aborted && !(error instanceof WebFault)) return true
      this.#targets.delete(url.href) // it may have changed meanwhile
      throw error instanceof WebFault
        ? error
        : new WebFault('ERR_CONNECTION', reasonOf(error), { cause: error })
    }
  }

  /** Requests a part. @returns the response, or undefined if earlier bytes of the file should be read first */
  async #request(run: WebRun, part: WebPart, url: URL): Promise<WebBody | undefined> {
    const { key, length, range } = part
    const control = new AbortController()
    const { signal } = run.control
    const listener = addAbortListener(signal, () => control.abort(signal.reason))
    try {
      signal.throwIfAborted()
      const { status, headers, body } = await this.#follow(part, url, control.signal)
      const verdict = judgeReply({ status, headers }, { length, ...range })
      if (verdict.kind !== 'body') {
        const bodySeconds = range || status !== 503 ? undefined : await secondsIn(body)
        control.abort()
        body.destroy()
        if (verdict.kind === 'unusable') throw this.#makeFault(part, verdict.why)
        const after = bodySeconds ?? verdict.after
        throw new WebFault('ERR_CONNECTION', verdict.why, after === undefined ? {} : { after })
      }
      const answer = new WebBody(body, verdict.from, verdict.to, control)
      const offset = run.position - (range?.first ?? 0)
      const admission = this.streams.admit(part, offset, answer, status === 206)
      if (admission === 'refused') {
        answer.close()
        throw this.#makeFault(part, 'it ignores ranges, and too much would have to be read again')
      }
      this.emit('answer', key)
      return admission === 'read' ? answer : undefined
    } finally {
      listener[Symbol.dispose]()
    }
  }

  async #follow({ range, length }: WebPart, url: URL, signal: AbortSignal): Promise<HttpResponse> {
    const { clock, open, trust, userAgent } = this.#options
    const headers = {
      'User-Agent': userAgent,
      Accept: '*/*',
      'Accept-Encoding': 'identity',
      ...(range ? { Range: `bytes=${range.first}-${range.first + length - 1}` } : {}),
    }
    const known = this.#targets.get(url.href)
    const first = known && clock.now() < known.until ? known.target : targetOf(url, 'web-seed', trust)
    const { reply, target } = await follow(open, first, { headers, signal, purpose: 'web-seed', trust })
    if (target !== first && (known || this.#targets.size < MAX_TARGETS))
      this.#targets.set(url.href, { target, until: clock.now() + TARGET_LIFE_MS })
    return reply
  }

  /** Writes the bytes of a part from a response. */
  async #read(run: WebRun, part: WebPart, body: WebBody): Promise<void> {
    const { length, range: { first } = { first: 0 } } = part
    const { signal } = run.control
    const to = Math.min(first + length, body.end)
    const { gate } = this.#options
    const start = body.position
    try {
      while (body.position < to) {
        const skips = body.position < first
        const bytes = await body.read((skips ? first : to) - body.position, signal)
        if (!bytes) throw new WebFault('ERR_CONNECTION', `the answer ended ${to - body.position} bytes early`)
        if (skips) {
          this.streams.updatePosition(body)
          this.emit('skipped', bytes.length)
        } else {
          this.streams.countUseful(body, bytes.length)
          run.write(bytes)
        }
        await gate.pass(bytes.length)
      }
    } catch (error) {
      // The received bytes count, and the rest is requested again.
      if (signal.aborted || body.position - Math.max(start, first) < MIN_PARTIAL_BYTES) throw error
      this.streams.abort(body)
      return
    }
    if (body.position < body.end) this.streams.endRun(body)
    else if (await body.read(1, signal))
      throw this.#makeFault(part, `more than the ${body.end - start} bytes that were requested`)
    else this.streams.forget(body)
  }

  #makeFault({ key }: WebPart, why: string): WebFault {
    const name = this.#options.site.nameOf(key)
    return new WebFault('ERR_MESSAGE', name === undefined ? why : `${why}, for ${quote(name)}`, { key })
  }
}

/** Reads the time to wait from the body of a busy response, in ms (BEP 17). */
async function secondsIn(body: HttpResponse['body']): Promise<number | undefined> {
  let text = ''
  for await (const chunk of body) {
    text += Buffer.from(chunk).toString('latin1')
    if (text.length > MAX_DIGITS) break
  }
  return /^\s*\d{1,9}\s*$/.test(text) ? Number(text) * 1000 : undefined
}
