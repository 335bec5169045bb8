/** What the choker is told of a peer. Rates are bytes a second, times milliseconds of one clock. */
export interface ChokerPeer<Id extends object> {
  readonly id: Id
  /** It wants something of us (`peerInterested`). */
  readonly interested: boolean
  /** It says that it downloads nothing: a seed, or a partial seed (BEP 21). Never unchoked. */
  readonly uploadOnly: boolean
  /** What it gives us. */
  readonly downRate: number
  /** What we give it. */
  readonly upRate: number
  /** It owes us blocks, and gave none for a minute. */
  readonly snubbed: boolean
  readonly unchoked: boolean
  /** When it was last unchoked; -Infinity for never. Kept while it is choked: it says how long the peer waits. */
  readonly unchokedAt: number
  readonly connectedAt: number
  /** Bytes that we sent it since it was last unchoked. */
  readonly sentSince: number
}

export interface ChokeRound<Id extends object> {
  readonly peers: Iterable<ChokerPeer<Id>>
  /** We have all that we want: nobody gives us anything any more. */
  readonly seeding: boolean
  /** How many may be unchoked at once. */
  readonly slots: number
  readonly now: number
  /** Who is unchoked by chance, and since when, as the round before said. */
  readonly optimistic?: Id | undefined
  readonly optimisticSince?: number
  /** Bytes after which a seed lets others have a turn: 20 pieces in libtorrent (`seeding_piece_quota`). @default 20 MiB */
  readonly quota?: number
  /** From 0 to below 1. */
  readonly random: () => number
}

export interface Unchoked<Id extends object> {
  /** Everybody who is to be unchoked; all others are to be choked. */
  readonly unchoke: Set<Id>
  /** Who of them is so by chance, and since when. */
  readonly optimistic: Id | undefined
  readonly optimisticSince: number
}

/** How often the choker is asked, in ms (BEP 3). */
export const CHOKE_INTERVAL = 10_000
const OPTIMISTIC_TURN = 30_000
const NEW = 60_000
const NEW_WEIGHT = 3
const TURN = 60_000
const IDLE = 20_000
const QUOTA = 20 * 2 ** 20
/** Rounds are not exact: what is due within half of one is due now, or it would last a whole one more. */
const SLACK = CHOKE_INTERVAL / 2

/**
 * Whom to unchoke (BEP 3). Asked every ten seconds, and at once when an unchoked peer leaves or wants nothing any more.
 *
 * Depends on: which peers are interested, what each gives us and takes from us, which are snubbed; who is
 * unchoked, since when, and what it has had since; how long the others wait; who is unchoked by chance and since when;
 * who is new; whether we seed; the number of slots; the time; chance.
 *
 * - Where there are slots for all who are interested, all are unchoked.
 * - Downloading, it is tit for tat: all slots but one go to those who give us most. Who gives us equally much, which
 *   is nothing at the start, takes turns. The last slot goes by chance to somebody else for thirty seconds, three
 *   times as likely to somebody new. A snubbed peer has that chance only, and slots that nobody else could have.
 * - Seeding, all take turns: see `byTurn`.
 */
export function rechoke<Id extends object>(round: ChokeRound<Id>): Unchoked<Id> {
  const { seeding, slots, now, optimistic, optimisticSince = now, quota = QUOTA, random } = round
  const wanting = [...round.peers].filter(peer => peer.interested && !peer.uploadOnly)
  if (slots >= wanting.length) return settled(wanting, now)
  const turns = byTurn<Id>(now, quota)
  if (seeding || slots < 1) return settled(wanting.sort(turns).slice(0, Math.max(0, slots)), now)

  // who is here by chance has to give more than others to stay, not as much
  const byChance = ({ id }: ChokerPeer<Id>) => Number(id === optimistic)
  const best = wanting
    .filter(({ snubbed }) => !snubbed)
    .sort((a, b) => b.downRate - a.downRate || byChance(a) - byChance(b) || turns(a, b))
    .slice(0, slots - 1)
  const unchoke = new Set(best.map(({ id }) => id))
  const rest = wanting.filter(({ id }) => !unchoke.has(id)).sort(turns)

  const stays = now - optimisticSince < OPTIMISTIC_TURN - SLACK && rest.some(({ id }) => id === optimistic)
  // who had this turn is not the next, unless there is nobody else
  const others = rest.filter(({ id }) => id !== optimistic)
  const chosen = stays ? optimistic! : draw(others.length > 0 ? others : rest, now, random).id
  unchoke.add(chosen)
  for (const { id } of rest) if (unchoke.size < slots) unchoke.add(id)
  return { unchoke, optimistic: chosen, optimisticSince: stays ? optimisticSince : now }
}

function settled<Id extends object>(peers: readonly ChokerPeer<Id>[], now: number): Unchoked<Id> {
  return { unchoke: new Set(peers.map(({ id }) => id)), optimistic: undefined, optimisticSince: now }
}

/** One of `peers` by chance; who came within the last minute counts three times. */
function draw<Id extends object>(peers: readonly ChokerPeer<Id>[], now: number, random: () => number) {
  const weight = ({ connectedAt }: ChokerPeer<Id>) => (now - connectedAt < NEW ? NEW_WEIGHT : 1)
  let left = random() * peers.reduce((sum, peer) => sum + weight(peer), 0)
  return peers.find(peer => (left -= weight(peer)) < 0) ?? peers.at(-1)!
}

/**
 * The order of turns, as libtorrent's round-robin seeding: who is in its turn keeps it; then who waits, longest
 * first; then who has had its turn. Where some of these must go, those stay who take most.
 *
 * A turn is a minute, or less for who took `quota` bytes before that or takes nothing at all, but one round at least.
 * Who never was unchoked waits since it came: to leave and to come again gains nothing.
 */
function byTurn<Id extends object>(now: number, quota: number) {
  const rank = ({ unchoked, unchokedAt, sentSince }: ChokerPeer<Id>) => {
    if (!unchoked) return 1
    const age = now - unchokedAt + SLACK
    const full = sentSince >= quota && age >= CHOKE_INTERVAL
    const idle = sentSince === 0 && age >= IDLE
    return full || idle || age >= TURN ? 2 : 0
  }
  const waitsSince = (peer: ChokerPeer<Id>) => Math.max(peer.unchokedAt, peer.connectedAt)
  return (a: ChokerPeer<Id>, b: ChokerPeer<Id>) =>
    rank(a) - rank(b) || (a.unchoked ? b.upRate - a.upRate : waitsSince(a) - waitsSince(b))
}
