import dgram from 'node:dgram'
import type { AddressFamily } from '../codec/address-family.ts'
import { canonicalHost, formatAddress, type PeerAddress } from '../codec/compact.ts'
import { InputError, messageOf } from '../errors.ts'

/** A UDP port with the operations that the DHT needs. Another protocol may share it. */
export interface Datagrams {
  readonly port: number
  /** Sends a datagram to an address, not to a host name. `failed` is called if the system rejects it. */
  send(bytes: Uint8Array, to: PeerAddress, failed?: () => void): void
  /** Sets the listener for incoming datagrams. Call it once. */
  receive(onDatagram: (bytes: Buffer, from: PeerAddress) => void): void
  /** Closes the port. Resolves when the port is free. Idempotent. */
  close(): Promise<void>
}

/** Options of `openDatagrams`. */
export interface DatagramsOptions {
  readonly family: AddressFamily
  /** @default a free port */
  readonly port?: number
  /** The address to bind. @default all addresses of the family */
  readonly bind?: string
  readonly createSocket?: typeof dgram.createSocket
}

/**
 * Opens a UDP port.
 * @throws InputError ERR_LISTEN if the port is in use, or if the address or the family is not available
 */
export async function openDatagrams(options: DatagramsOptions): Promise<Datagrams> {
  const { family, port = 0, createSocket = dgram.createSocket } = options
  const host = options.bind ?? (family === 4 ? '0.0.0.0' : '::')
  const socket = createSocket({
    type: family === 4 ? 'udp4' : 'udp6',
    ipv6Only: family === 6,
    // Only addresses are passed here. The default would call the resolver for each datagram.
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
  // Errors for undelivered datagrams are ignored, since the queries time out.
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
        // The zone of a link-local address is dropped: a node is identified by its address alone.
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
