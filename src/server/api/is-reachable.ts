import { isGlobalAddress } from '../../codec/address-scope.ts'
import type { Session } from '../../session/session.ts'

/**
 * True while a peer on the Internet that dialled us is connected, which proves that the port is open. No external
 * service is asked.
 */
export function isReachable({ torrents }: Session, protocol?: 'ipv4' | 'ipv6'): boolean {
  return torrents.some(({ torrent }) =>
    torrent?.peers.some(
      ({ address: { host }, incoming }) =>
        incoming && isGlobalAddress(host) && (!protocol || host.includes(':') === (protocol === 'ipv6')),
    ),
  )
}
