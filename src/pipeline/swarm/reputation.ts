import { addressKey } from '../../codec/address-key.ts'

/** The record of one address. */
interface Standing {
  /** Wrong pieces that its peers are guilty of, without those that correct pieces have compensated. */
  strikes: number
  /** Peers (`host:port`) that gave wrong bytes. */
  readonly guilty: Set<string>
  /** Correct pieces since the last strike or the last compensation. */
  right: number
  bans: number
  reason: string
  /** When the ban ends, in ms of the clock. */
  bannedUntil: number
  /** When the record is forgotten. */
  forgottenAt: number
}

/** Wrong pieces after which an address is banned. One may come from a faulty disk. */
const MAX_STRIKES = 2
/** Milliseconds until a strike without a ban is forgotten. */
const STRIKE_LIFE_MS = 3_600_000
/** Milliseconds of the first ban; each further ban within a day is twice as long. */
const FIRST_BAN_MS = 3_600_000
const MAX_BAN_MS = 86_400_000
/** Correct pieces from other peers of an address that compensate one strike. */
const PIECES_PER_STRIKE = 8
/** Maximum number of records. */
const MAX_STANDINGS = 1024
/** Maximum number of guilty peers of one address. */
const MAX_GUILTY = 64

/**
 * Decides which addresses are banned for wrong bytes, and which of their peers get pieces alone.
 *
 * Inputs: which peers were proven to have sent wrong bytes; the number of correct pieces from other peers of the same
 * address; the time.
 *
 * A peer is known by its IP address, never by its peer id, which is public. Strikes count for the whole address, or the /64 of
 * an IPv6 address: another port, or another connection, changes nothing. From the second strike on, the peer that is
 * proven guilty is disconnected, and for an hour its address may open no new connection. Many honest peers may share an
 * address behind a NAT. Those that are connected stay, and their correct pieces compensate strikes.
 */
export class Reputation {
  readonly #now: () => number
  readonly #standings = new Map<string, Standing>()
  /** The fetchers of peers that sent a correct piece. */
  readonly #proven = new WeakSet<object>()

  /** @param now milliseconds, monotonic */
  constructor(now: () => number) {
    this.#now = now
  }

  /**
   * A peer is proven to have sent wrong bytes. Returns true to disconnect it.
   * @param name `host:port`, or the name of a web seed
   */
  strike(name: string, reason: string): boolean {
    const now = this.#now()
    const key = reputationKey(name)
    const standing = this.#standingOf(key, now) ?? this.#open(key, now)
    standing.strikes = Math.min(MAX_STRIKES, standing.strikes + 1)
    standing.right = 0
    standing.forgottenAt = Math.max(standing.forgottenAt, now + STRIKE_LIFE_MS)
    if (standing.guilty.size < MAX_GUILTY) standing.guilty.add(name)
    if (standing.strikes < MAX_STRIKES) return false
    if (standing.bannedUntil <= now) {
      standing.bannedUntil = now + Math.min(MAX_BAN_MS, FIRST_BAN_MS * 2 ** standing.bans++)
      standing.reason = reason
      standing.forgottenAt = standing.bannedUntil + MAX_BAN_MS
    }
    return true
  }

  /** A piece is correct, and this peer sent some of it. @param giver the fetcher of the peer */
  credit(giver: object, name: string): void {
    this.#proven.add(giver)
    if (this.#standings.size === 0) return
    const now = this.#now()
    const standing = this.#standingOf(reputationKey(name), now)
    if (!standing || standing.guilty.has(name) || ++standing.right < PIECES_PER_STRIKE) return
    standing.right = 0
    standing.strikes = Math.max(0, standing.strikes - 1)
    standing.bannedUntil = Math.min(standing.bannedUntil, now)
  }

  /**
   * Returns true if a peer gets pieces alone, so that a wrong one proves it guilty at once. It is guilty already, or it has
   * sent no correct piece yet and others at its address are guilty.
   */
  isOnParole(giver: object, name: string): boolean {
    if (this.#standings.size === 0) return false
    const standing = this.#standingOf(reputationKey(name), this.#now())
    if (!standing || standing.strikes === 0) return false
    return standing.guilty.has(name) || !this.#proven.has(giver)
  }

  /** Returns the reason of a ban, if the address is banned. */
  findBanReason(host: string): string | undefined {
    return this.remainingBanMs(host) > 0 ? this.#standings.get(addressKey(host))?.reason : undefined
  }

  /** Returns the milliseconds until the ban of an address ends; 0 without a ban. */
  remainingBanMs(host: string): number {
    if (this.#standings.size === 0) return 0
    const now = this.#now()
    return Math.max(0, (this.#standingOf(addressKey(host), now)?.bannedUntil ?? now) - now)
  }

  #open(key: string, now: number): Standing {
    const oldest = this.#standings.size >= MAX_STANDINGS ? this.#standings.keys().next().value : undefined
    if (oldest !== undefined) this.#standings.delete(oldest)
    const standing = {
      strikes: 0,
      guilty: new Set<string>(),
      right: 0,
      bans: 0,
      reason: '',
      bannedUntil: now,
      forgottenAt: now,
    }
    this.#standings.set(key, standing)
    return standing
  }

  #standingOf(key: string, now: number): Standing | undefined {
    const standing = this.#standings.get(key)
    if (standing && standing.forgottenAt < now) {
      this.#standings.delete(key)
      return undefined
    }
    // The next wrong piece after a ban causes another ban.
    if (standing && standing.bans > 0 && standing.bannedUntil <= now) {
      standing.strikes = Math.min(standing.strikes, MAX_STRIKES - 1)
    }
    return standing
  }
}

/** Returns the key of the host of `host:port`, and the name of a web seed as it is. */
function reputationKey(name: string): string {
  const match = /^(?:\[([^\]]+)\]|([^:/]+)):\d+$/.exec(name)
  return match ? addressKey(match[1] ?? match[2]!) : name
}
