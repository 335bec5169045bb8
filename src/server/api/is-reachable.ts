import { isGlobalAddress } from '../../codec/address-scope.ts'
import type { Session } from '../../session/session.ts'

/** True while a peer of the Internet is connected that dialled us: then the port is open. No service is asked. */
export function isReachable({ torrents }: Session, protocol?: 'ipv4' | 'ipv6'): boolean {
  return torrents.some(({ torrent }) =>
    torrent?.peers.some(
      ({ address: { host }, incoming }) =>
        incoming && isGlobalAddress(host) && (!protocol || host.includes(':') === (protocol === 'ipv6')),
    ),
  )
}
