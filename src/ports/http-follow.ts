import { isGlobalAddress } from '../codec/address-scope.ts'
import { quote } from '../codec/quote.ts'
import { urlOf } from '../codec/url.ts'
import { type Purpose, type Reach, reachOf, reachOfRedirect, type Trust } from './address-policy.ts'
import type { HttpOpen, HttpReply } from './http-client.ts'

/** Where to ask, and what may be told and reached there. */
export interface HttpTarget {
  /** Without user and password. */
  readonly url: URL
  /** Those, as a header. */
  readonly authorization?: string
  readonly reach: Reach
}

export interface FollowOptions {
  readonly headers: Readonly<Record<string, string>>
  readonly signal: AbortSignal
  readonly purpose: Purpose
  readonly trust: Trust
}

export const MAX_REDIRECTS = 5
const REDIRECTS = new Set([301, 302, 303, 307, 308])

/** A URL as somewhere to ask. Its user and password become Basic auth (RFC 7617). */
export function targetOf(url: URL, purpose: Purpose, trust: Trust): HttpTarget {
  return { ...withCredentials(url), reach: reachOf(url, purpose, trust) }
}

/**
 * A GET that follows redirects: at most five, to http and https only, as far as the address policy allows each, and with
 * credentials to no other origin than the one they are for.
 * @returns the answer, and the target that gave it, for the next request
 */
export async function follow(
  open: HttpOpen,
  first: HttpTarget,
  { headers, signal, purpose, trust }: FollowOptions,
): Promise<{ readonly reply: HttpReply; readonly target: HttpTarget }> {
  let target = first
  for (let hops = 0; ; hops++) {
    const { url, authorization, reach } = target
    const all = authorization === undefined ? headers : { ...headers, Authorization: authorization }
    const reply = await open(url, { headers: all, signal, reach })
    const { location } = reply.headers
    if (!REDIRECTS.has(reply.status) || location === undefined) return { reply, target }
    reply.body.destroy()
    if (hops === MAX_REDIRECTS) throw new Error(`more than ${MAX_REDIRECTS} redirects`)
    const next = redirected(location, url)
    // Not knowing, the server is taken for a remote one.
    const fromGlobal = !reply.address || isGlobalAddress(reply.address)
    const kept = next.origin === first.url.origin ? first.authorization : undefined
    target = {
      ...(kept === undefined ? {} : { authorization: kept }),
      ...withCredentials(next),
      reach: reachOfRedirect(next, purpose, trust, fromGlobal),
    }
  }
}

function redirected(location: string, from: URL): URL {
  const next = /\p{Cc}/u.test(location) ? undefined : urlOf(location, from)
  if (next && /^https?:$/.test(next.protocol) && next.hostname !== '' && next.port !== '0') return next
  // The path may hold a passkey.
  const shown = next ? `${next.protocol}${next.host ? `//${next.host}` : ''}` : location
  throw new Error(`redirected to an address that cannot be asked: ${quote(shown)}`)
}

function withCredentials(url: URL): { url: URL; authorization?: string } {
  const { username, password } = url
  const plain = new URL(url)
  plain.username = plain.password = plain.hash = ''
  if (username === '' && password === '') return { url: plain }
  const credentials = `${decoded(username)}:${decoded(password)}`
  return { url: plain, authorization: `Basic ${Buffer.from(credentials).toString('base64')}` }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
