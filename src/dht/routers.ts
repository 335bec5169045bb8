import { lookup } from 'node:dns/promises'
import type { PeerAddress } from '../codec/compact.ts'

/** Where nodes begin that know nobody. They are asked while that is so, and never kept. */
export const ROUTERS: readonly PeerAddress[] = [
  { host: 'dht.libtorrent.org', port: 25401 },
  { host: 'router.bittorrent.com', port: 6881 },
  { host: 'router.utorrent.com', port: 6881 },
  { host: 'dht.transmissionbt.com', port: 6881 },
]

/** The addresses of a name, as the system finds them. */
export async function systemResolve(name: string): Promise<readonly string[]> {
  const found = await lookup(name, { all: true })
  return found.map(({ address }) => address)
}
