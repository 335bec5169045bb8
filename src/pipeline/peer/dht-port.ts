import type { Message } from '../../codec/message.ts'
import type { PeerContext } from './peer-context.ts'

/** The exchange of DHT ports with one peer: each side sends its port once (BEP 5). */
export class DhtPort {
  /** True while the peer supports the DHT and does not know our port. */
  isOwed = false
  readonly #context: Pick<PeerContext, 'dht'>
  readonly #socket: { readonly remoteHost: string }
  #hasReceived = false

  /** @param socket the connection, with the IP address of the peer */
  constructor(context: Pick<PeerContext, 'dht'>, socket: { readonly remoteHost: string }) {
    this.#context = context
    this.#socket = socket
  }

  /** Returns the message with our port, once our node can answer queries. Called several times a second. */
  takeMessage(): Message | undefined {
    if (!this.isOwed) return undefined
    const { dht } = this.#context
    const port = dht?.readOnly ? undefined : dht?.port(this.#socket.remoteHost.includes(':') ? 6 : 4)
    if (!port) return undefined
    this.isOwed = false
    return { type: 'port', port }
  }

  /** Passes the node of the peer to the DHT. Further ports of the same peer are ignored. */
  onPort(port: number): undefined {
    if (port === 0 || this.#hasReceived) return
    this.#hasReceived = true
    this.#context.dht?.add({ host: this.#socket.remoteHost, port })
  }
}
