import { createHash, timingSafeEqual } from 'node:crypto'
import { addressBytes, hostOf } from '../codec/compact.ts'

/** What of a request decides whether it is let in. */
export interface Knock {
  /** Whom the request thinks it talks to: the `Host` header, `name` or `name:port`. */
  readonly host: string
  /** The address of ours that the connection came to. */
  readonly localAddress: string
  /** The `Authorization` header. */
  readonly authorization?: string | undefined
  /** The `token` of the query. */
  readonly token?: string | undefined
}

/**
 * Who is let in: whoever knows the token, if there is one, and addresses us by a name that is ours. A page of
 * a stranger can make a browser resolve the stranger's own name to our address (DNS rebinding), but not lie in `Host`.
 *
 * Depends on: the host that we listen at as it was given, the token; of the request, what `Knock` says.
 */
export class Gate {
  readonly #host: string
  readonly #anywhere: boolean
  readonly #token: Buffer | undefined

  constructor(host: string, token?: string) {
    this.#host = canonical(host)
    this.#anywhere = isWildcard(host)
    this.#token = token === undefined ? undefined : digest(token)
  }

  /** The status to refuse with: 421 for a name that is not ours, 401 without the token; undefined to let in. */
  refusal({ host, localAddress, authorization = '', token }: Knock): 421 | 401 | undefined {
    if (!this.#isOurs(host, localAddress)) return 421
    if (!this.#token) return undefined
    const bearer = /^bearer +(.*)$/i.exec(authorization)?.[1]?.trim()
    const known = [bearer, token].some(
      given => given !== undefined && timingSafeEqual(digest(given), this.#token!),
    )
    return known ? undefined : 401
  }

  #isOurs(authority: string, localAddress: string): boolean {
    const name = /^(?:\[([\da-f:.]+)\]|([^:[\]]+))(?::\d*)?$/i.exec(authority.trim())
    if (!name) return false
    const host = canonical(name[1] ?? name[2]!)
    if (isLoopback(host) || host === this.#host || host === canonical(localAddress)) return true
    // An address is never resolved, so it cannot be rebound. Forwarded ports make ours look like others.
    return this.#anywhere && addressBytes(host) !== undefined
  }
}

/** Whether a host, or an address, can be reached from this machine only. */
export function isLoopback(host: string): boolean {
  const name = canonical(host)
  return name === 'localhost' || name === '::1' || addressBytes(name)?.[0] === 127
}

/** Whether a host stands for all addresses of this machine. */
export function isWildcard(host: string): boolean {
  return ['0.0.0.0', '::'].includes(canonical(host))
}

/** A host as it compares: lower case, an address in its one spelling and without its zone. */
function canonical(host: string): string {
  const name = host.replace(/%.*$/, '').toLowerCase()
  const bytes = addressBytes(name)
  return bytes ? hostOf(bytes) : name
}

/** Of one length for all tokens, so that comparing takes as long for each. */
function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}
