import { addressKey } from '../../codec/address-key.ts'

/** A connection as the policy sees it. */
export interface DuplicateConnection {
  /** 20 bytes, once the handshake has come. */
  readonly peerId: Uint8Array | undefined
  readonly address: { readonly host: string }
  readonly incoming: boolean
  /** When both handshakes were done, in ms of the clock. */
  readonly readyAt: number
}

/** Which of two connections to one peer stays, and whether both sides dialled at once. */
export interface DuplicateDecision {
  readonly keep: 'first' | 'second'
  readonly simultaneous: boolean
}

/** Two connections that are ready within this many milliseconds were dialled at once. */
const SIMULTANEOUS_MS = 2000

/**
 * Returns true if two connections are probably to one peer: the same peer id at the same IP address. A peer id alone proves
 * nothing, since it is public.
 */
export function isSamePeer(a: DuplicateConnection, b: DuplicateConnection): boolean {
  if (!a.peerId || !b.peerId || Buffer.compare(a.peerId, b.peerId) !== 0) return false
  return addressKey(a.address.host) === addressKey(b.address.host)
}

/**
 * Decides which of two connections to one peer stays.
 *
 * Inputs: which side dialled each; both peer ids; the time between them.
 *
 * The first stays, unless both sides dialled at once. Then the connection stays that the side with the greater peer id
 * dialled, so that both sides decide the same.
 */
export function resolveDuplicate(
  first: DuplicateConnection,
  second: DuplicateConnection,
  ownPeerId: Uint8Array,
  now: number,
): DuplicateDecision {
  const simultaneous = now - first.readyAt <= SIMULTANEOUS_MS
  const weAreGreater = Buffer.compare(ownPeerId, second.peerId!) > 0
  const keepsSecond = simultaneous && first.incoming !== second.incoming && second.incoming !== weAreGreater
  return { keep: keepsSecond ? 'second' : 'first', simultaneous }
}
