import { judgeReply } from '../codec/range-reply.ts'
import { messageOf } from '../errors.ts'
import type { WebPart, WebSite } from '../metainfo/web-site.ts'
import type { HttpOpen, HttpReply } from './http-open.ts'
import { WebFault } from './web-fault.ts'
import { follow, type WebTarget, webTarget } from './web-fetch.ts'
import type { WebRun } from './web-run.ts'

export interface WebLaneOptions {
  readonly site: WebSite
  readonly open: HttpOpen
  /** Sent as User-Agent. */
  readonly userAgent: string
  /** Whether the user named this web seed, rather than a torrent. */
  readonly trusted: boolean
  /** An answer is good: bytes follow. */
  readonly answered: () => void
  /** So many bytes came; resolves when more may. */
  readonly came: (bytes: number, useless: boolean) => Promise<void> | undefined
}

/** URLs whose redirects are remembered. */
const MAX_TARGETS = 64
/** Bytes at most of what a busy script says (BEP 17): a number of seconds. */
const MAX_DIGITS = 16

/** Fetches runs of blocks from one web seed: one request after another for each run, a request for each file in it. */
export class WebLane {
  readonly #options: WebLaneOptions
  /** Where redirects have led, by the URL they began with. */
  readonly #targets = new Map<string, WebTarget>()

  constructor(options: WebLaneOptions) {
    this.#options = options
  }

  /** Writes all of a run, or rejects with a WebFault. */
  async fetch(run: WebRun): Promise<void> {
    for (run.trim(); run.left > 0; run.trim()) {
      const part = this.#options.site.part(run.position, run.left)
      if (part.url) await this.#fetchPart(run, part, part.url)
      else run.zeros(part.length)
    }
  }

  async #fetchPart(run: WebRun, part: WebPart, url: URL): Promise<void> {
    try {
      await this.#read(run, part, await this.#ask(run, part, url))
    } catch (error) {
      this.#targets.delete(url.href) // it may have led astray
      throw error instanceof WebFault
        ? error
        : new WebFault('ERR_CONNECTION', messageOf(error), { cause: error })
    }
  }

  async #ask(run: WebRun, { range, length }: WebPart, url: URL): Promise<HttpReply> {
    const { open, trusted, userAgent } = this.#options
    const headers = {
      'User-Agent': userAgent,
      Accept: '*/*',
      'Accept-Encoding': 'identity',
      ...(range ? { Range: `bytes=${range.first}-${range.first + length - 1}` } : {}),
    }
    const first = this.#targets.get(url.href) ?? webTarget(url, trusted)
    const { reply, target } = await follow(open, first, { headers, signal: run.control.signal, trusted })
    if (target !== first && this.#targets.size < MAX_TARGETS) this.#targets.set(url.href, target)
    return reply
  }

  async #read(run: WebRun, part: WebPart, { status, headers, body }: HttpReply): Promise<void> {
    const { key, length, range } = part
    const verdict = judgeReply({ status, headers }, { length, ...range })
    if (verdict.kind !== 'body') {
      const said = range || status !== 503 ? undefined : await secondsIn(body)
      body.destroy()
      if (verdict.kind === 'never') throw new WebFault('ERR_MESSAGE', verdict.why, { key })
      const after = said ?? verdict.after
      throw new WebFault('ERR_CONNECTION', verdict.why, after === undefined ? {} : { after })
    }
    this.#options.answered()
    let { skip } = verdict
    let left = length
    for await (const chunk of body) {
      const skipped = Math.min(skip, chunk.length)
      const bytes = chunk.subarray(skipped, skipped + left)
      skip -= skipped
      left -= bytes.length
      if (bytes.length < chunk.length - skipped && !verdict.more)
        throw new WebFault('ERR_MESSAGE', `more than the ${length} bytes that were asked for`, { key })
      run.write(bytes)
      await this.#options.came(chunk.length, bytes.length === 0)
      if (left === 0 && verdict.more) break
    }
    if (left > 0) throw new WebFault('ERR_CONNECTION', `the answer ended ${left} bytes early`)
  }
}

/** How long to wait, in ms, as the body of a refusal says it (BEP 17). */
async function secondsIn(body: HttpReply['body']): Promise<number | undefined> {
  let text = ''
  for await (const chunk of body) {
    text += Buffer.from(chunk).toString('latin1')
    if (text.length > MAX_DIGITS) break
  }
  return /^\s*\d{1,9}\s*$/.test(text) ? Number(text) * 1000 : undefined
}
