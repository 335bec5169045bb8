import { isGlobalAddress } from '../codec/address-scope.ts'
import { quote } from '../codec/quote.ts'
import { urlOf } from '../codec/url.ts'
import {
  type AllowedScope,
  allowedScopeOf,
  allowedScopeOfRedirect,
  type Purpose,
  type Trust,
} from './address-policy.ts'
import type { HttpOpen, HttpResponse } from './http-client.ts'

/** The target of a request. */
export interface HttpTarget {
  /** Without user and password. */
  readonly url: URL
  /** The header with user and password. */
  readonly authorization?: string
  readonly allowedScope: AllowedScope
}

export interface FollowOptions {
  readonly headers: Readonly<Record<string, string>>
  /** Headers for the origin of the first request only, because they may hold secrets. @default none */
  readonly originHeaders?: Readonly<Record<string, string>>
  readonly signal: AbortSignal
  readonly purpose: Purpose
  readonly trust: Trust
}

const MAX_REDIRECTS = 5
const REDIRECT_STATUSES = new Set([301, 302, 303, 307, 308])

/** Returns the target for a URL. Its user and password become Basic auth (RFC 7617). */
export function targetOf(url: URL, purpose: Purpose, trust: Trust): HttpTarget {
  return { ...withCredentials(url), allowedScope: allowedScopeOf(url, purpose, trust) }
}

/**
 * Sends a GET request and follows redirects: at most five, to http and https only, as the address policy allows. Credentials
 * are sent only to their own origin.
 * @returns the response, and its target for the next request
 */
export async function follow(
  open: HttpOpen,
  first: HttpTarget,
  { headers, originHeaders = {}, signal, purpose, trust }: FollowOptions,
): Promise<{ readonly reply: HttpResponse; readonly target: HttpTarget }> {
  let target = first
  for (let hops = 0; ; hops++) {
    const { url, authorization, allowedScope } = target
    const own = url.origin === first.url.origin ? originHeaders : {}
    const all = {
      ...headers,
      ...own,
      ...(authorization === undefined ? {} : { authorization }),
    }
    const reply = await open(url, { headers: all, signal, allowedScope })
    const { location } = reply.headers
    if (!REDIRECT_STATUSES.has(reply.status) || location === undefined) return { reply, target }
    reply.body.destroy()
    if (hops === MAX_REDIRECTS) throw new Error(`more than ${MAX_REDIRECTS} redirects`)
    const next = redirected(location, url)
    // A server with an unknown address counts as global.
    const fromGlobal = !reply.address || isGlobalAddress(reply.address)
    const kept = next.origin === first.url.origin ? first.authorization : undefined
    target = {
      ...(kept === undefined ? {} : { authorization: kept }),
      ...withCredentials(next),
      allowedScope: allowedScopeOfRedirect(next, purpose, trust, fromGlobal),
    }
  }
}

function redirected(location: string, from: URL): URL {
  const next = /\p{Cc}/u.test(location) ? undefined : urlOf(location, from)
  if (next && /^https?:$/.test(next.protocol) && next.hostname !== '' && next.port !== '0') return next
  // The path may hold a passkey.
  const shown = next ? `${next.protocol}${next.host ? `//${next.host}` : ''}` : location
  throw new Error(`redirected to an unsupported URL: ${quote(shown)}`)
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
