/** The state of a peer that the choker uses. Rates are bytes per second, times are milliseconds of one clock. */
export interface ChokerPeer<Id extends object> {
  readonly id: Id
  /** True if it wants pieces that we have. */
  readonly interested: boolean
  /** True if it says that it downloads nothing: a seed, or a partial seed (BEP 21). It is never unchoked. */
  readonly uploadOnly: boolean
  /** The rate at which it uploads to us. */
  readonly downRate: number
  /** The rate at which we upload to it. */
  readonly upRate: number
  /** True if it owes us blocks and has sent none for ten seconds. */
  readonly snubbed: boolean
  readonly unchoked: boolean
  /** When it was last unchoked; -Infinity for never. A choked peer has waited since then. */
  readonly unchokedAt: number
  readonly connectedAt: number
  /** Bytes sent to it since it was last unchoked. */
  readonly sentSince: number
}

/** The inputs of one decision. */
export interface ChokeRound<Id extends object> {
  readonly peers: Iterable<ChokerPeer<Id>>
  /** True if nothing is missing, so that no peer uploads to us. */
  readonly seeding: boolean
  /** The number of peers that may be unchoked at once. */
  readonly slots: number
  readonly now: number
  /** The peer that the last round unchoked by chance, and since when. */
  readonly optimistic?: Id | undefined
  readonly optimisticSince?: number
  /** Bytes after which the turn of a peer of a seed ends: 20 pieces in libtorrent (`seeding_piece_quota`). @default 20 MiB */
  readonly quota?: number
  /** From 0 to below 1. */
  readonly random: () => number
}

/** The decision. */
export interface Unchoked<Id extends object> {
  /** The peers to unchoke; all others are choked. */
  readonly unchoke: Set<Id>
  /** The one of them that was chosen by chance, and since when. */
  readonly optimistic: Id | undefined
  readonly optimisticSince: number
}

/** Milliseconds between two rounds (BEP 3). */
export const CHOKE_INTERVAL_MS = 10_000
/** Milliseconds of an optimistic unchoke. */
const OPTIMISTIC_TURN_MS = 30_000
/** Milliseconds for which a peer is new, and how many times as likely it is then to be unchoked by chance. */
const NEW_PEER_MS = 60_000
const NEW_PEER_WEIGHT = 3
/** Milliseconds of a turn when seeding, and after which a turn ends in which the peer took nothing. */
const TURN_MS = 60_000
const IDLE_TURN_MS = 20_000
/** Bytes after which a turn ends. */
const TURN_QUOTA_BYTES = 20 * 2 ** 20
/** Rounds are not exact. What is due within half a round is due now, since it would otherwise last a whole round more. */
const ROUND_TOLERANCE_MS = CHOKE_INTERVAL_MS / 2

/**
 * Decides which peers to unchoke (BEP 3). Called every ten seconds, and at once when an unchoked peer leaves or loses
 * interest.
 *
 * Inputs: which peers are interested, their rates, which are snubbed; which are unchoked, since when, and what they
 * received since; how long the others wait; which was unchoked by chance, and since when; which are new; whether we seed;
 * the number of slots; the time; chance.
 *
 * - If there are slots for all interested peers, all are unchoked.
 * - While downloading it is tit for tat. All slots but one go to the peers that upload most to us. Equal peers, as all are
 *   at the start, take turns. The last slot goes by chance to another peer for thirty seconds; a new peer is three times
 *   as likely. A snubbed peer gets only this slot, and slots that no other peer wants.
 * - While seeding, all take turns: see `compareTurns`.
 */
export function rechoke<Id extends object>(round: ChokeRound<Id>): Unchoked<Id> {
  const { seeding, slots, now, optimistic, optimisticSince = now, quota = TURN_QUOTA_BYTES, random } = round
  const wanting = [...round.peers].filter(peer => peer.interested && !peer.uploadOnly)
  if (slots >= wanting.length) return unchokeAll(wanting, now)
  const turns = compareTurns<Id>(now, quota)
  if (seeding || slots < 1) return unchokeAll(wanting.sort(turns).slice(0, Math.max(0, slots)), now)

  // A peer that was unchoked by chance stays only if it uploads more than others, not as much.
  const byChance = ({ id }: ChokerPeer<Id>) => Number(id === optimistic)
  const best = wanting
    .filter(({ snubbed }) => !snubbed)
    .sort((a, b) => b.downRate - a.downRate || byChance(a) - byChance(b) || turns(a, b))
    .slice(0, slots - 1)
  const unchoke = new Set(best.map(({ id }) => id))
  const rest = wanting.filter(({ id }) => !unchoke.has(id)).sort(turns)

  const keepsOptimistic =
    now - optimisticSince < OPTIMISTIC_TURN_MS - ROUND_TOLERANCE_MS &&
    rest.some(({ id }) => id === optimistic)
  // A peer does not get this turn twice in a row, unless it is the only one.
  const others = rest.filter(({ id }) => id !== optimistic)
  const chosen = keepsOptimistic ? optimistic! : draw(others.length > 0 ? others : rest, now, random).id
  unchoke.add(chosen)
  for (const { id } of rest) if (unchoke.size < slots) unchoke.add(id)
  return { unchoke, optimistic: chosen, optimisticSince: keepsOptimistic ? optimisticSince : now }
}

function unchokeAll<Id extends object>(peers: readonly ChokerPeer<Id>[], now: number): Unchoked<Id> {
  return { unchoke: new Set(peers.map(({ id }) => id)), optimistic: undefined, optimisticSince: now }
}

/** Draws one of the peers by chance. A new peer counts three times. */
function draw<Id extends object>(peers: readonly ChokerPeer<Id>[], now: number, random: () => number) {
  const weight = ({ connectedAt }: ChokerPeer<Id>) => (now - connectedAt < NEW_PEER_MS ? NEW_PEER_WEIGHT : 1)
  let left = random() * peers.reduce((sum, peer) => sum + weight(peer), 0)
  return peers.find(peer => (left -= weight(peer)) < 0) ?? peers.at(-1)!
}

/**
 * Compares peers by turns, as libtorrent's round-robin seeding does: first peers in their turn, then peers that wait, the
 * longest first, then peers that had their turn. Of the unchoked peers, those that take most come first.
 *
 * A turn is a minute. It is shorter if the peer has taken `quota` bytes or takes nothing, but at least one round. A peer
 * that was never unchoked has waited since it connected, so reconnecting gains nothing.
 */
function compareTurns<Id extends object>(now: number, quota: number) {
  const rank = ({ unchoked, unchokedAt, sentSince }: ChokerPeer<Id>) => {
    if (!unchoked) return 1
    const age = now - unchokedAt + ROUND_TOLERANCE_MS
    const full = sentSince >= quota && age >= CHOKE_INTERVAL_MS
    const idle = sentSince === 0 && age >= IDLE_TURN_MS
    return full || idle || age >= TURN_MS ? 2 : 0
  }
  const waitsSince = (peer: ChokerPeer<Id>) => Math.max(peer.unchokedAt, peer.connectedAt)
  return (a: ChokerPeer<Id>, b: ChokerPeer<Id>) =>
    rank(a) - rank(b) || (a.unchoked ? b.upRate - a.upRate : waitsSince(a) - waitsSince(b))
}
