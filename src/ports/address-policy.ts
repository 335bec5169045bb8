/** Decides which addresses a request may reach, for all HTTP requests and UDP trackers. */
import { type AddressScope, scopeOf } from '../codec/address-scope.ts'

/**
 * The origin of a URL: `user` for the command line or an option, `remote` for a torrent, a link, a tracker or a redirect.
 * With `all` every address is allowed.
 */
export type Trust = 'remote' | 'user' | 'all'

/** The purpose of a request. */
export type Purpose = 'tracker' | 'web-seed' | 'torrent'

/** The allowed addresses: all, those of hosts (neither link-local nor reserved), or those of the public Internet. */
export type AllowedScope = 'any' | 'hosts' | 'global'

const SCOPES_BY_LIMIT: Readonly<Record<Exclude<AllowedScope, 'any'>, readonly AddressScope[]>> = {
  hosts: ['global', 'shared', 'private', 'loopback'],
  global: ['global'],
}

/** The parameters of an announce or a scrape (BEP 3, 7, 23, 48). */
const TRACKER_PARAMETERS = new Set(
  'info_hash peer_id ip ipv4 ipv6 port uploaded downloaded left compact no_peer_id numwant key event trackerid'.split(
    ' ',
  ),
)

/**
 * Returns the allowed addresses for a request. URLs of the user may be local. Remote URLs may be local only if the request
 * cannot be mistaken for another one. The path of a tracker ends in `announce` or `scrape`, and its query has only their
 * parameters. The URL of a .torrent ends in `.torrent` and has no query. The URL of a web seed has no query.
 */
export function allowedScopeOf(url: URL, purpose: Purpose, trust: Trust): AllowedScope {
  if (trust !== 'remote') return 'any'
  return isPlain(url, purpose) ? 'hosts' : 'global'
}

/**
 * Returns the allowed addresses for a redirect. A redirect from the public Internet may not lead into a local network.
 * @param fromGlobal true if the server that redirects is on the public Internet
 */
export function allowedScopeOfRedirect(
  url: URL,
  purpose: Purpose,
  trust: Trust,
  fromGlobal: boolean,
): AllowedScope {
  return fromGlobal && trust !== 'all' ? 'global' : allowedScopeOf(url, purpose, trust)
}

/** Returns the allowed addresses of UDP trackers: their packets cannot be mistaken, so every host is allowed. */
export function allowedScopeOfUdp(trust: Trust): AllowedScope {
  return trust === 'remote' ? 'hosts' : 'any'
}

/** True if an IP address is allowed. */
export function isAllowedAddress(address: string, allowedScope: AllowedScope): boolean {
  if (allowedScope === 'any') return true
  const scope = scopeOf(address)
  return scope !== undefined && SCOPES_BY_LIMIT[allowedScope].includes(scope)
}

function isPlain({ pathname, search, searchParams }: URL, purpose: Purpose): boolean {
  switch (purpose) {
    case 'tracker':
      return (
        /\/(announce|scrape)(\.php)?$/.test(pathname) &&
        [...searchParams.keys()].every(name => TRACKER_PARAMETERS.has(name))
      )
    case 'torrent':
      return /\.torrent$/i.test(pathname) && search === ''
    case 'web-seed':
      return search === ''
  }
}
