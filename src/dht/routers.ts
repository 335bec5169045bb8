import { lookup, Resolver } from 'node:dns/promises'
import { addAbortListener } from 'node:events'
import type { PeerAddress } from '../codec/compact.ts'

/** Public bootstrap nodes. They are used only while few nodes are known, and are not added to the routing table. */
export const PUBLIC_ROUTERS: readonly PeerAddress[] = [
  { host: 'dht.libtorrent.org', port: 25401 },
  { host: 'router.bittorrent.com', port: 6881 },
  { host: 'router.utorrent.com', port: 6881 },
  { host: 'dht.transmissionbt.com', port: 6881 },
]

/** Timeout of a query to a name server, milliseconds. */
const DNS_TIMEOUT_MS = 2_000
/** Number of queries to a name server. */
const DNS_TRIES = 2

/**
 * Resolves a host name. `signal` aborts it.
 *
 * It uses `dns.lookup` only for names that the name server does not know. `dns.lookup` occupies a thread of the pool
 * until the name server replies. Four routers would occupy all threads, block file I/O and delay the exit.
 */
export async function systemResolve(name: string, signal: AbortSignal): Promise<readonly string[]> {
  signal.throwIfAborted()
  if (name.includes('.')) {
    const resolver = new Resolver({ timeout: DNS_TIMEOUT_MS, tries: DNS_TRIES })
    const listener = addAbortListener(signal, () => resolver.cancel())
    const answers = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)])
    listener[Symbol.dispose]()
    const found = answers.flatMap(answer => (answer.status === 'fulfilled' ? answer.value : []))
    if (found.length > 0) return found
    const [{ reason }] = answers as [PromiseRejectedResult, PromiseRejectedResult]
    if (signal.aborted || (reason.code !== 'ENOTFOUND' && reason.code !== 'ENODATA')) throw reason
  }
  const found = await lookup(name, { all: true })
  return found.map(({ address }) => address)
}
