// @ts-check
/** A tracker that names every peer to every peer, and records when each one is complete. */
import { createServer } from 'node:http'
import { encode } from './data.js'

/**
 * Starts the tracker. It does not answer until `count` clients have announced, so that all begin at once.
 * @param {number} count
 */
export async function startGathering(count) {
  /** @type {Set<number>} */
  const ports = new Set()
  /** @type {Map<string, string>} peer ids of leechers, and their clients */
  const leechers = new Map()
  /** @type {Map<string, { client: string, time: number }>} */
  const finished = new Map()
  /** @type {(time: number) => void} */
  let gather = () => {}
  /** @type {Promise<number>} */
  const gathered = new Promise(resolve => {
    gather = resolve
  })
  /** @type {() => void} */
  let finish = () => {}
  const allFinished = new Promise(resolve => {
    finish = () => resolve(undefined)
  })

  const server = createServer(async (request, response) => {
    const query = Object.fromEntries(
      (request.url ?? '')
        .replace(/^.*\?/, '')
        .split('&')
        .map(field => field.split('=')),
    )
    const port = Number(query.port)
    const id = String(query.peer_id)
    if (Number(query.left) > 0) leechers.set(id, clientOf(id))
    else if (leechers.has(id) && !finished.has(id)) {
      finished.set(id, { client: leechers.get(id) ?? '', time: Date.now() })
      if (finished.size === count - 1) finish()
    }
    if (query.event !== 'stopped') ports.add(port)
    if (ports.size >= count) gather(Date.now())
    if (query.event !== 'stopped') await gathered
    const others = [...ports].filter(other => other !== port)
    const peers = Buffer.concat(others.map(other => Buffer.from([127, 0, 0, 1, other >> 8, other & 255])))
    response.end(encode({ interval: 1800, peers }))
  })
  await new Promise(resolve => server.listen(0, '127.0.0.1', () => resolve(undefined)))
  const { port: own } = /** @type {import('node:net').AddressInfo} */ (server.address())
  return {
    url: `http://127.0.0.1:${own}/announce`,
    /** Resolves with the time in ms when all clients have announced. */
    gathered,
    /** Resolves when all clients except the seed have announced that nothing is left. */
    allFinished,
    /** The clients that completed, with the time in ms, in order. */
    finished: () => [...finished.values()],
    stop() {
      server.close()
      server.closeAllConnections()
    },
  }
}

const CLIENT_NAMES = { '-TD': 'tsdl', 'A2-': 'aria2', '-TR': 'transmission', '-LT': 'libtorrent' }

/**
 * Returns the client that a peer id names. The id is percent-encoded.
 * @param {string} id
 */
function clientOf(id) {
  const start = id
    .replace(/%([0-9a-f]{2})/gi, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)))
    .slice(0, 3)
  return CLIENT_NAMES[/** @type {keyof typeof CLIENT_NAMES} */ (start.toUpperCase())] ?? start
}
