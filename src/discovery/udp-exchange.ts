import { addAbortListener } from 'node:events'
import { encodeConnect, type TrackerPacket } from '../codec/udp-tracker.ts'
import type { Clock } from '../ports/clock.ts'
import type { Endpoint, UdpSockets } from './udp-sockets.ts'

/** Milliseconds until a packet is sent again for the first time; doubled each time (BEP 15). */
const FIRST_WAIT_MS = 15_000
/** Maximum number of times that a packet is sent again. The last wait is 3,840 s. */
const MAX_RETRANSMITS = 8

export interface UdpExchangeOptions {
  readonly sockets: UdpSockets
  readonly to: Endpoint
  /** The action of the answer. */
  readonly action: 'announce' | 'scrape'
  /** Writes the request. */
  readonly encode: (connection: Uint8Array, transaction: number) => Uint8Array
  readonly clock: Clock
  readonly signal: AbortSignal
}

/** A packet that is sent until it is answered. */
interface ExchangeStep {
  readonly action: TrackerPacket['action']
  readonly transaction: number
  readonly packet: Uint8Array
  readonly connection: Uint8Array | undefined
}

/**
 * Sends a request to a UDP tracker and resolves with its answer, which may be an error packet (BEP 15). Connects first,
 * unless there is a connection id of the last minute, repeats unanswered packets, and connects again when the id is old.
 * Rejects with the system error, with the signal's reason, or after 7,665 s without an answer.
 */
export async function exchange(options: UdpExchangeOptions): Promise<TrackerPacket> {
  const { clock, encode, signal, sockets, to } = options
  const step = (): ExchangeStep => {
    const connection = sockets.findConnection(to, clock.now())
    const transaction = sockets.createTransaction()
    return connection
      ? { action: options.action, transaction, connection, packet: encode(connection, transaction) }
      : { action: 'connect', transaction, connection, packet: encodeConnect(transaction) }
  }
  /** The connection id that this exchange received. An earlier one may be invalid. */
  let newConnection: Uint8Array | undefined
  let current = step()
  for (let retransmits = 0; retransmits <= MAX_RETRANSMITS; ) {
    const isOld = current.connection !== undefined && current.connection !== newConnection
    const packet = await sendOnce(current, FIRST_WAIT_MS * 2 ** retransmits, options)
    signal.throwIfAborted()
    if (packet?.action === 'connect') {
      newConnection = packet.connection
      sockets.saveConnection(to, newConnection, clock.now())
      current = step()
    } else if (packet && !(packet.action === 'error' && isOld)) {
      return packet
    } else {
      if (isOld) sockets.forgetConnection(to)
      if (!packet) retransmits++
      if (isOld || (current.connection && !sockets.findConnection(to, clock.now()))) current = step()
    }
  }
  throw new Error(`no answer within ${(FIRST_WAIT_MS * (2 ** (MAX_RETRANSMITS + 1) - 1)) / 1_000} s`)
}

/** Sends a packet once. Resolves with its answer, or with undefined if none came within `ms`. */
function sendOnce(
  { action, packet, transaction }: ExchangeStep,
  ms: number,
  { clock, signal, sockets, to }: UdpExchangeOptions,
): Promise<TrackerPacket | undefined> {
  signal.throwIfAborted()
  return new Promise((resolve, reject) => {
    const end = () => {
      forget()
      clock.clearTimeout(timer)
      listener[Symbol.dispose]()
    }
    const forget = sockets.expect(transaction, to, action, packet => {
      end()
      resolve(packet)
    })
    const timer = clock.setTimeout(() => {
      end()
      resolve(undefined)
    }, ms)
    const listener = addAbortListener(signal, () => {
      end()
      reject(signal.reason)
    })
    sockets.send(packet, to).catch(error => {
      end()
      reject(error)
    })
  })
}
