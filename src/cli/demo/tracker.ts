import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { encode, encodePeers4 } from '../../codec/index.ts'
import type { PeerAddress } from '../../index.ts'

/** Starts an HTTP tracker on loopback that always returns these peers. */
export async function startTracker(peers: readonly PeerAddress[]): Promise<{ url: string; close(): void }> {
  const reply = encode({ interval: 1800, peers: encodePeers4(peers) })
  const server = createServer((_request, response) => response.end(reply))
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/announce`,
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}
