import { addressBytes, canonicalHost } from '../codec/compact.ts'
import { encodeAnnounce, encodeScrape, type Family, type TrackerPacket } from '../codec/udp-tracker.ts'
import { DiscoveryError } from '../errors.ts'
import { isWithin, reachOfUdp, type Trust } from '../ports/address-policy.ts'
import { type Clock, systemClock } from '../ports/clock.ts'
import { type AnnounceReply, udpAnnounceReply } from './announce-reply.ts'
import type { AnnounceRequest } from './announce-request.ts'
import { wordsFor } from './failure-words.ts'
import { printable } from './printable.ts'
import type { Scrape } from './scrape-reply.ts'
import { peersToldBy } from './told-peers.ts'
import {
  type AnnounceOptions,
  type AskOptions,
  checkScrape,
  type Tracker,
  TrackerFailure,
} from './tracker.ts'
import { parseUdpTrackerUrl, trackerName, type UdpTrackerUrl } from './tracker-url.ts'
import { exchange } from './udp-exchange.ts'
import type { Endpoint, UdpSockets } from './udp-sockets.ts'

/** All addresses of a name, in the order of preference; rejects with the system's error. */
export type Lookup = (
  host: string,
) => Promise<readonly { readonly address: string; readonly family: number }[]>

export interface UdpTrackerOptions {
  /** Shared with all other UDP trackers. */
  readonly sockets: UdpSockets
  /** Milliseconds for event=stopped, which somebody waits for. Others take as long as BEP 15 says. @default 1,500 */
  readonly stopTimeout?: number
  /** Who named it: see `reachOfUdp`. @default 'user' */
  readonly trust?: Trust
  /** @default the machine's */
  readonly clock?: Clock
  /** @default node:dns */
  readonly lookup?: Lookup
}

/** What is asked, whatever the address that it goes to. */
interface Question<T> {
  readonly action: 'announce' | 'scrape'
  readonly encode: (connection: Uint8Array, transaction: number) => Uint8Array
  readonly read: (packet: TrackerPacket, from: Endpoint) => T
  /** Called with each answer after the first. */
  readonly more?: ((answer: T) => void) | undefined
  /** The event is `stopped`: asked of those that know us, bounded in time, over when all have answered. */
  readonly last: boolean
  readonly signal: AbortSignal | undefined
}

/**
 * A tracker behind udp: (BEP 15, 41), over IPv4 and IPv6 if its name has addresses of both: one of each.
 * The constructor throws InputError ERR_USAGE for an address that can't be one; `announce` and `scrape` reject with
 * DiscoveryError when no address answered: ERR_TRACKER, ERR_TRACKER_FAILURE (a TrackerFailure) or, by the signal,
 * ERR_ABORTED. Silence takes two hours to be a failure: whoever has others to ask need not wait for it.
 */
export class UdpTracker implements Tracker {
  /** How messages name it: no query, no passkey. */
  readonly name: string
  readonly #url: UdpTrackerUrl
  readonly #options: UdpTrackerOptions
  /** Families that have answered an announce of this run. */
  readonly #known = new Set<Family>()
  /** The announce that may still be under way at one of the addresses. */
  #announce: AbortController | undefined
  #release: (() => void) | undefined

  constructor(url: string, options: UdpTrackerOptions) {
    this.#url = parseUdpTrackerUrl(url)
    this.#options = options
    this.name = trackerName(url.trim())
  }

  async announce(request: AnnounceRequest, { signal, more }: AnnounceOptions = {}): Promise<AnnounceReply> {
    // What an address was not told in time is old news.
    this.#announce?.abort()
    const control = new AbortController()
    this.#announce = control
    return this.#ask(
      {
        action: 'announce',
        encode: (connection, transaction) =>
          encodeAnnounce(connection, transaction, request, this.#url.target),
        read: (packet, { host }) => {
          const reply = udpAnnounceReply(packet as Extract<TrackerPacket, { action: 'announce' }>)
          return { ...reply, peers: peersToldBy(host, reply.peers) }
        },
        more,
        last: request.event === 'stopped',
        signal,
      },
      control,
    )
  }

  async scrape(
    infoHashes: readonly Uint8Array[],
    { signal }: AskOptions = {},
  ): Promise<(Scrape | undefined)[]> {
    checkScrape(infoHashes)
    return this.#ask({
      action: 'scrape',
      encode: (connection, transaction) => encodeScrape(connection, transaction, infoHashes),
      read: packet => {
        const { counts } = packet as Extract<TrackerPacket, { action: 'scrape' }>
        return infoHashes.map((_, index) => counts[index])
      },
      last: false,
      signal,
    })
  }

  close(): void {
    this.#announce?.abort()
    this.#known.clear()
    this.#release?.()
    this.#release = undefined
  }

  /** The first answer of any address; the other address may go on after it. */
  async #ask<T>(question: Question<T>, control = new AbortController()): Promise<T> {
    const { clock = systemClock, sockets, stopTimeout = 1_500 } = this.#options
    const { last, more, signal } = question
    this.#release ??= sockets.use()
    const late = new Error(`no answer within ${stopTimeout / 1_000} s`)
    const abort = () => control.abort()
    signal?.addEventListener('abort', abort)
    if (signal?.aborted) abort()
    const timer = last ? clock.setTimeout(() => control.abort(late), stopTimeout) : undefined
    const end = () => {
      clock.clearTimeout(timer)
      signal?.removeEventListener('abort', abort)
    }
    try {
      const endpoints = await this.#endpoints(control.signal)
      const known = endpoints.filter(({ family }) => this.#known.has(family))
      let answered = false
      const answers = (last && known.length > 0 ? known : endpoints).map(async to => {
        const answer = await this.#one(question, to, control.signal)
        if (answered) more?.(answer)
        answered = true
        return answer
      })
      const all = Promise.allSettled(answers).then(end)
      if (last) await all
      const first = await Promise.any(answers)
      // An announce goes on for the other address; counts come once.
      if (question.action === 'scrape') abort()
      return first
    } catch (error) {
      end()
      if (signal?.aborted || (control.signal.aborted && control.signal.reason !== late))
        throw new DiscoveryError('ERR_ABORTED', `${this.#label}: given up`, error)
      throw this.#error(error)
    }
  }

  async #one<T>({ action, encode, read }: Question<T>, to: Endpoint, signal: AbortSignal): Promise<T> {
    const { clock = systemClock, sockets } = this.#options
    const packet = await exchange({ sockets, to, action, encode, clock, signal })
    if (packet.action === 'error') {
      throw new TrackerFailure(`${this.#label}: ${printable(packet.message) || 'no reason given'}`)
    }
    if (action === 'announce') this.#known.add(to.family)
    return read(packet, to)
  }

  /** The first address of each family. */
  async #endpoints(signal: AbortSignal): Promise<Endpoint[]> {
    const { host, port } = this.#url
    const { lookup = systemLookup, trust = 'user' } = this.#options
    const reach = reachOfUdp(trust)
    const literal = addressBytes(host)
    const addresses = literal
      ? [{ address: host, family: literal.length === 4 ? 4 : 6 }]
      : await unless(signal, lookup(host))
    const within = addresses.filter(({ address }) => isWithin(address, reach))
    if (addresses.length > 0 && within.length === 0)
      throw new Error(`${addresses[0]!.address} is no address at which a tracker can be`)
    const families: readonly Family[] = [4, 6]
    return families.flatMap(family => {
      const found = within.find(address => address.family === family)
      return found ? [{ host: canonicalHost(found.address), port, family }] : []
    })
  }

  get #label() {
    return `tracker ${this.name}`
  }

  /** What to say when no address answered. */
  #error(cause: unknown): DiscoveryError {
    const causes: unknown[] = cause instanceof AggregateError ? cause.errors : [cause]
    const refusal = causes.find(error => error instanceof TrackerFailure)
    if (refusal) return refusal
    const words = [...new Set(causes.map(wordsFor))].join('; ') || 'its name has no address'
    return new DiscoveryError('ERR_TRACKER', `${this.#label}: ${words}`, causes[0])
  }
}

/** Settles as `work` does, or rejects when the signal is given: a look-up can't be ended, only left alone. */
async function unless<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  signal.throwIfAborted()
  let leave = () => {}
  const aborted = new Promise<never>((_, reject) => {
    leave = () => reject(signal.reason)
    signal.addEventListener('abort', leave)
  })
  try {
    return await Promise.race([work, aborted])
  } finally {
    signal.removeEventListener('abort', leave)
  }
}

async function systemLookup(host: string) {
  const { lookup } = await import('node:dns/promises')
  return lookup(host, { all: true })
}
