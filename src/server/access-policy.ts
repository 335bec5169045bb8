import { createHash, timingSafeEqual } from 'node:crypto'
import { addressBytes } from '../codec/address-bytes.ts'
import { hostOf } from '../codec/compact.ts'

/** The parts of a request that decide whether it is allowed. */
export interface AccessRequest {
  /** The host that the client addressed: the `Host` header, `name` or `name:port`. */
  readonly host: string
  /** The local address of the connection. */
  readonly localAddress: string
  /** The `Authorization` header. */
  readonly authorization?: string | undefined
  /** The parameter `token` of the query. */
  readonly token?: string | undefined
}

/** The credentials of a server: a token, or a user name and a password, or both. Without any, clients need none. */
export interface Credentials {
  readonly token?: string | undefined
  readonly user?: string | undefined
  readonly password?: string | undefined
}

/**
 * Decides which requests are allowed: those that carry the token or the password, if there is one, and address the server by
 * a name of its own. A hostile web page can make a browser resolve a foreign name to the server's address (DNS rebinding), but
 * it cannot change the `Host` that the browser then sends.
 *
 * Inputs: the host that the server listens at, as it was given, `*` for any; the credentials; the fields of
 * `AccessRequest`.
 */
export class AccessPolicy {
  readonly #host: string
  readonly #anywhere: boolean
  readonly #token: Buffer | undefined
  /** The user and the password as Basic authentication sends them. */
  readonly #login: Buffer | undefined

  constructor(host: string, { password, token, user = '' }: Credentials = {}) {
    this.#host = canonical(host)
    this.#anywhere = isWildcard(host)
    this.#token = token === undefined ? undefined : digest(token)
    this.#login = password === undefined ? undefined : digest(`${user}:${password}`)
  }

  /**
   * Returns the status with which a request is refused: 421 for a foreign `Host`, 401 without credentials; undefined if
   * it is allowed.
   */
  findRefusal({ host, localAddress, authorization = '', token }: AccessRequest): 421 | 401 | undefined {
    if (!this.#isOurs(host, localAddress)) return 421
    if (!this.#token && !this.#login) return undefined
    const bearer = /^bearer +(.*)$/i.exec(authorization)?.[1]?.trim()
    const login = basicLoginOf(authorization)
    // Clients that know only user names and passwords send the token as the password.
    const password = login?.slice(login.indexOf(':') + 1)
    const isKnown =
      [bearer, token, password].some(given => isSameToken(given, this.#token)) ||
      isSameToken(login, this.#login)
    return isKnown ? undefined : 401
  }

  /** True if a user name and a password are valid. */
  acceptsLogin(user: string, password: string): boolean {
    return isSameToken(`${user}:${password}`, this.#login) || isSameToken(password, this.#token)
  }

  #isOurs(authority: string, localAddress: string): boolean {
    const name = /^(?:\[([\da-f:.]+)\]|([^:[\]]+))(?::\d*)?$/i.exec(authority.trim())
    if (this.#host === '*') return true
    if (!name) return false
    const host = canonical(name[1] ?? name[2]!)
    if (isLoopback(host) || host === this.#host || host === canonical(localAddress)) return true
    // An address is never resolved, so it cannot be rebound. Behind a forwarded port it is not the local address.
    return this.#anywhere && addressBytes(host) !== undefined
  }
}

/** True if a host name or an address can be reached from this machine only. */
export function isLoopback(host: string): boolean {
  const name = canonical(host)
  return name === 'localhost' || name === '::1' || addressBytes(name)?.[0] === 127
}

/** True if a host stands for all addresses of this machine. */
export function isWildcard(host: string): boolean {
  return ['0.0.0.0', '::'].includes(canonical(host))
}

/** A host in the form in which hosts are compared: lower case, addresses canonical and without a zone. */
function canonical(host: string): string {
  const name = host.replace(/%.*$/, '').toLowerCase()
  const bytes = addressBytes(name)
  return bytes ? hostOf(bytes) : name
}

function basicLoginOf(authorization: string): string | undefined {
  const encoded = /^basic +([\w+/=-]+)$/i.exec(authorization)?.[1]
  return encoded === undefined ? undefined : Buffer.from(encoded, 'base64').toString()
}

function isSameToken(given: string | undefined, expected: Buffer | undefined): boolean {
  return given !== undefined && expected !== undefined && timingSafeEqual(digest(given), expected)
}

/** A digest, which has the same length for every token: comparing two takes the same time, whatever was given. */
function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}
