import type { HttpOpen, HttpReply } from './http-open.ts'

/** Where to ask, and what may be told and reached there. */
export interface WebTarget {
  readonly url: URL
  readonly authorization?: string
  /** Not this machine, and nobody in its network. */
  readonly onlyGlobal: boolean
}

const MAX_REDIRECTS = 5
const REDIRECTS = new Set([301, 302, 303, 307, 308])

/**
 * A web seed's address as somewhere to ask. A torrent is a stranger's word: with it alone (`trusted` is false), nobody
 * of this machine or its network is asked anything with a query in it, as there it might be an order.
 */
export function webTarget(url: URL, trusted: boolean): WebTarget {
  return { ...withCredentials(url), onlyGlobal: !trusted && url.search !== '' }
}

/**
 * A GET that follows redirects: at most five, to http and https only, from the public Internet to nobody in
 * our network, and with credentials to no other origin than the one they are for.
 * @returns the answer and who gave it, to be asked at once the next time
 */
export async function follow(
  open: HttpOpen,
  first: WebTarget,
  {
    headers,
    signal,
    trusted,
  }: { headers: Readonly<Record<string, string>>; signal: AbortSignal; trusted: boolean },
): Promise<{ readonly reply: HttpReply; readonly target: WebTarget }> {
  let target = first
  for (let hops = 0; ; hops++) {
    const { url, authorization, onlyGlobal } = target
    const all = authorization === undefined ? headers : { ...headers, Authorization: authorization }
    const reply = await open(url, { headers: all, signal, onlyGlobal })
    const { location } = reply.headers
    if (!REDIRECTS.has(reply.status) || location === undefined) return { reply, target }
    reply.body.destroy()
    if (hops === MAX_REDIRECTS) throw new Error(`more than ${MAX_REDIRECTS} redirects`)
    const next = redirected(location, url)
    const given = webTarget(next, trusted)
    const kept = next.origin === url.origin ? authorization : undefined
    target = {
      ...(kept === undefined ? {} : { authorization: kept }),
      ...given,
      onlyGlobal: reply.global || given.onlyGlobal,
    }
  }
}

function redirected(location: string, from: URL): URL {
  try {
    const next = new URL(location, from)
    if (/^https?:$/.test(next.protocol) && next.hostname !== '' && next.port !== '0') return next
  } catch {}
  throw new Error(`redirected to an address that cannot be asked: ${location.slice(0, 200)}`)
}

/** A URL without user and password, which are Basic auth (RFC 7617). */
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
