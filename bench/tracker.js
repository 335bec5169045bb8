// @ts-check
/** A tracker that names one peer, because aria2 accepts peers only from trackers, or that names none. */
import { createServer } from 'node:http'
import { encode } from './data.js'

/**
 * Starts a tracker. Returns its announce URL, and a function that stops it.
 * @param {string} [host] the host of the peer that it names
 * @param {number} [port]
 */
export async function startTracker(host = '', port = 0) {
  const peers = Buffer.from(host ? [...host.split('.').map(Number), port >> 8, port & 255] : [])
  let requests = 0
  const server = createServer((_, response) => {
    requests++
    response.end(encode({ interval: 1800, peers }))
  })
  await new Promise(resolve => server.listen(0, '127.0.0.1', () => resolve(undefined)))
  const { port: own } = /** @type {import('node:net').AddressInfo} */ (server.address())
  return {
    url: `http://127.0.0.1:${own}/announce`,
    requests: () => requests,
    stop() {
      server.close()
      server.closeAllConnections()
    },
  }
}
