import dgram from 'node:dgram'
import { canonicalHost, formatAddress, type PeerAddress } from '../codec/compact.ts'
import { InputError, messageOf } from '../errors.ts'
import type { Family } from './contact.ts'

/** A UDP port of ours, as far as the DHT needs it: another protocol may share it. */
export interface Datagrams {
  readonly port: number
  /** Sends one datagram to an address, not a name; `failed` is called if the system does not take it. */
  send(bytes: Uint8Array, to: PeerAddress, failed?: () => void): void
  /** Who gets what comes in. Set once. */
  receive(onDatagram: (bytes: Buffer, from: PeerAddress) => void): void
  /** Resolves once the port is free. Idempotent. */
  close(): Promise<void>
}

export interface DatagramsOptions {
  readonly family: Family
  /** @default one that is free */
  readonly port?: number
  /** The address to bind. @default all of the family */
  readonly bind?: string
  readonly createSocket?: typeof dgram.createSocket
}

/**
 * Opens a UDP port.
 * @throws InputError ERR_LISTEN when it is taken, the address is not ours or there is no such family here
 */
export async function openDatagrams(options: DatagramsOptions): Promise<Datagrams> {
  const { family, port = 0, createSocket = dgram.createSocket } = options
  const host = options.bind ?? (family === 4 ? '0.0.0.0' : '::')
  const socket = createSocket({
    type: family === 4 ? 'udp4' : 'udp6',
    ipv6Only: family === 6,
    // Only addresses come here. Without it each datagram would go to the resolver first.
    lookup: (address, _, found) => found(null, address, family),
  })
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject)
    socket.bind({ port, address: host, exclusive: true }, () => {
      socket.off('error', reject)
      resolve()
    })
  }).catch(error => {
    socket.close()
    const where = formatAddress({ host, port })
    throw new InputError('ERR_LISTEN', `cannot open UDP port ${where}: ${messageOf(error)}`, error)
  })
  // What the network says of datagrams that came to nothing is said by their silence too.
  socket.on('error', () => {})
  let closed = false
  return {
    port: socket.address().port,
    send(bytes, to, failed) {
      if (closed) return
      try {
        socket.send(bytes, to.port, to.host, error => error && failed?.())
      } catch {
        failed?.()
      }
    },
    receive(onDatagram) {
      socket.on('message', (bytes, { address, port }) => {
        // Without the zone of a link-local address: a node is known by its address alone.
        if (!closed && port !== 0) onDatagram(bytes, { host: canonicalHost(address.split('%')[0]!), port })
      })
    },
    close() {
      if (closed) return Promise.resolve()
      closed = true
      return new Promise(resolve => socket.close(() => resolve()))
    },
  }
}
