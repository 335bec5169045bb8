import { lookup, Resolver } from 'node:dns/promises'
import type { PeerAddress } from '../codec/compact.ts'

/** Where nodes begin that know nobody. They are asked while that is so, and never kept. */
export const ROUTERS: readonly PeerAddress[] = [
  { host: 'dht.libtorrent.org', port: 25401 },
  { host: 'router.bittorrent.com', port: 6881 },
  { host: 'router.utorrent.com', port: 6881 },
  { host: 'dht.transmissionbt.com', port: 6881 },
]

/** Milliseconds that a name server has, and how often it is asked. */
const TIMEOUT = 2_000
const TRIES = 2

/**
 * The addresses of a name, until `signal` gives it up. The system's own lookup takes a thread each until the name server
 * answers: four routers would leave none to the disk, and hold up the end. It is for names that only this machine knows.
 */
export async function systemResolve(name: string, signal: AbortSignal): Promise<readonly string[]> {
  signal.throwIfAborted()
  if (name.includes('.')) {
    const resolver = new Resolver({ timeout: TIMEOUT, tries: TRIES })
    const cancel = () => resolver.cancel()
    signal.addEventListener('abort', cancel)
    const answers = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)])
    signal.removeEventListener('abort', cancel)
    const found = answers.flatMap(answer => (answer.status === 'fulfilled' ? answer.value : []))
    if (found.length > 0) return found
    const [{ reason }] = answers as [PromiseRejectedResult, PromiseRejectedResult]
    if (signal.aborted || (reason.code !== 'ENOTFOUND' && reason.code !== 'ENODATA')) throw reason
  }
  const found = await lookup(name, { all: true })
  return found.map(({ address }) => address)
}
