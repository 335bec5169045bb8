import { encodeConnect, type TrackerPacket } from '../codec/udp-tracker.ts'
import type { Clock } from '../ports/clock.ts'
import type { Endpoint, UdpSockets } from './udp-sockets.ts'

/** Milliseconds until a packet is sent again the first time; twice as long each time after (BEP 15). */
const FIRST_WAIT = 15_000
/** How often a packet is sent again at most: the last wait is 3,840 s. */
const MAX_RETRANSMITS = 8

export interface ExchangeOptions {
  readonly sockets: UdpSockets
  readonly to: Endpoint
  /** Of the answer. */
  readonly action: 'announce' | 'scrape'
  /** Writes the request. */
  readonly encode: (connection: Uint8Array, transaction: number) => Uint8Array
  readonly clock: Clock
  readonly signal: AbortSignal
}

/** A packet to be sent until it is answered. */
interface Step {
  readonly action: TrackerPacket['action']
  readonly transaction: number
  readonly packet: Uint8Array
  readonly connection: Uint8Array | undefined
}

/**
 * One question to one UDP tracker and its answer, which may be an error packet (BEP 15): connects first, unless there is
 * a connection id of the last minute, sends again what is not answered, and connects again when the id is too old.
 * Rejects with the system's error, with the signal's reason, or after 7,665 s of silence.
 */
export async function exchange(options: ExchangeOptions): Promise<TrackerPacket> {
  const { clock, encode, signal, sockets, to } = options
  const step = (): Step => {
    const connection = sockets.connection(to, clock.now())
    const transaction = sockets.transaction()
    return connection
      ? { action: options.action, transaction, connection, packet: encode(connection, transaction) }
      : { action: 'connect', transaction, connection, packet: encodeConnect(transaction) }
  }
  /** The id that this exchange was given; one from before may be good for nothing any more. */
  let own: Uint8Array | undefined
  let current = step()
  for (let retransmits = 0; retransmits <= MAX_RETRANSMITS; ) {
    const isOld = current.connection !== undefined && current.connection !== own
    const packet = await answer(current, FIRST_WAIT * 2 ** retransmits, options)
    signal.throwIfAborted()
    if (packet?.action === 'connect') {
      own = packet.connection
      sockets.connected(to, own, clock.now())
      current = step()
    } else if (packet && !(packet.action === 'error' && isOld)) {
      return packet
    } else {
      if (isOld) sockets.disconnected(to)
      if (!packet) retransmits++
      if (isOld || (current.connection && !sockets.connection(to, clock.now()))) current = step()
    }
  }
  throw new Error(`no answer within ${(FIRST_WAIT * (2 ** (MAX_RETRANSMITS + 1) - 1)) / 1_000} s`)
}

/** Sends a packet once; resolves with its answer, or `undefined` when none came within `ms`. */
function answer(
  { action, packet, transaction }: Step,
  ms: number,
  { clock, signal, sockets, to }: ExchangeOptions,
): Promise<TrackerPacket | undefined> {
  signal.throwIfAborted()
  return new Promise((resolve, reject) => {
    const end = () => {
      forget()
      clock.clearTimeout(timer)
      signal.removeEventListener('abort', aborted)
    }
    const aborted = () => {
      end()
      reject(signal.reason)
    }
    const forget = sockets.expect(transaction, to, action, packet => {
      end()
      resolve(packet)
    })
    const timer = clock.setTimeout(() => {
      end()
      resolve(undefined)
    }, ms)
    signal.addEventListener('abort', aborted)
    sockets.send(packet, to).catch(error => {
      end()
      reject(error)
    })
  })
}
