import type { Message } from '../../codec/message.ts'
import type { SharedDht } from '../../discovery/peer-sources.ts'

export interface DhtPortOptions {
  readonly dht: () => SharedDht | undefined
  /** The IP address of the peer. */
  readonly host: () => string
  readonly send: (message: Message) => void
}

/** The exchange of DHT ports with one peer: each side sends its port once (BEP 5). */
export class DhtPort {
  /** True while the peer supports the DHT and does not know our port. */
  isOwed = false
  readonly #options: DhtPortOptions
  #hasReceived = false

  constructor(options: DhtPortOptions) {
    this.#options = options
  }

  /** Sends our port, once our node can answer queries. Called several times a second. */
  send(): void {
    if (!this.isOwed) return
    const { dht, host, send } = this.#options
    const node = dht()
    const port = node?.readOnly ? undefined : node?.port(host().includes(':') ? 6 : 4)
    if (!port) return
    this.isOwed = false
    send({ type: 'port', port })
  }

  /** Passes the node of the peer to the DHT. Further ports of the same peer are ignored. */
  onPort(port: number): undefined {
    if (port === 0 || this.#hasReceived) return
    this.#hasReceived = true
    const { dht, host } = this.#options
    dht()?.add({ host: host(), port })
  }
}
