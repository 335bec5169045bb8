/** Which addresses may be reached for what. One policy for all HTTP and for UDP trackers. Pure. */
import { type AddressScope, scopeOf } from '../codec/address-scope.ts'

/**
 * Who vouches for a URL: the `user`, on the command line or in an option; nobody, where it is `remote`: a torrent, a link, a
 * tracker or a redirect named it. With `all` no address is refused.
 */
export type Trust = 'remote' | 'user' | 'all'

/** What is asked for. */
export type Purpose = 'tracker' | 'web-seed' | 'torrent'

/** Where a request may go: anywhere; to any host, but to no link-local or reserved address; to the public Internet. */
export type Reach = 'any' | 'hosts' | 'global'

const SCOPES: Readonly<Record<Exclude<Reach, 'any'>, readonly AddressScope[]>> = {
  hosts: ['global', 'shared', 'private', 'loopback'],
  global: ['global'],
}

/** What the query of an announce or a scrape may hold (BEP 3, 7, 23, 48). */
const TRACKER_PARAMETERS = new Set(
  'info_hash peer_id ip ipv4 ipv6 port uploaded downloaded left compact no_peer_id numwant key event trackerid'.split(
    ' ',
  ),
)

/**
 * Where a request for `url` may go. The user's own URLs may be local. Those of others may be local only where the request
 * can be taken for nothing but what it is for: a tracker's path ends in `announce` or `scrape` and its query holds what an
 * announce or a scrape says; the URL of a .torrent ends in `.torrent` and has no query; a web seed's has no query.
 */
export function reachOf(url: URL, purpose: Purpose, trust: Trust): Reach {
  if (trust !== 'remote') return 'any'
  return isPlain(url, purpose) ? 'hosts' : 'global'
}

/**
 * Where a redirect to `url` may lead. From the public Internet none leads into a local network.
 * @param fromGlobal whether the server that redirects is of the public Internet
 */
export function reachOfRedirect(url: URL, purpose: Purpose, trust: Trust, fromGlobal: boolean): Reach {
  return fromGlobal && trust !== 'all' ? 'global' : reachOf(url, purpose, trust)
}

/** Where the packets of a UDP tracker may go: they can be taken for nothing else, so to any host. */
export function reachOfUdp(trust: Trust): Reach {
  return trust === 'remote' ? 'hosts' : 'any'
}

/** Whether an IP address is within reach. */
export function isWithin(address: string, reach: Reach): boolean {
  if (reach === 'any') return true
  const scope = scopeOf(address)
  return scope !== undefined && SCOPES[reach].includes(scope)
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
