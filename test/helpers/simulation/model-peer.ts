import type { PeerAddress } from '../../../src/codec/compact.ts'
import { encodeExtendedHandshake } from '../../../src/codec/extended.ts'
import type { BlockRef, Message } from '../../../src/codec/message.ts'
import type { MadeTorrent } from '../metainfo.ts'
import { Wire, wrong } from '../scripted-peer.ts'
import type { VirtualClock } from '../virtual-clock.ts'
import type { Host } from './host.ts'

/** The handling of one request instead of a normal answer. */
export type Fault =
  | { readonly kind: 'serve' | 'refuse' | 'drop' | 'duplicate' | 'wrong' }
  /** It answers this many milliseconds later, after later requests. */
  | { readonly kind: 'late'; readonly ms: number }

/** A temporary behaviour of a peer. */
export interface BehaviourPeriod {
  /** Its start in ms after the connection was made, and its duration in ms. */
  readonly at: number
  readonly ms: number
  /**
   * `silence` keeps the queue and sends nothing; `choke` drops the queue; `chokeAndServe` chokes, and serves the queue.
   */
  readonly kind: 'silence' | 'choke' | 'chokeAndServe'
}

export interface PeerBehaviour {
  /** Speaks the fast extension: answers every request with a block or a reject. */
  readonly fast: boolean
  /** The `reqq` of its extended handshake (BEP 10); undefined for none. */
  readonly reqq: number | undefined
  /** The actual length of its queue. Further requests are rejected, or dropped without the fast extension. */
  readonly queue: number
  /** Milliseconds per block. */
  readonly pace: number
  /** True to serve the queue in another order. */
  readonly shuffled: boolean
  /** True to remove cancelled requests. */
  readonly cancels: boolean
  /** The handling of its first requests, in order. Later requests are answered normally. */
  readonly faults: readonly Fault[]
  readonly periods: readonly BehaviourPeriod[]
}

const PEER_PORT = 6881

/** A seed with scripted behaviour, which behaves normally in the end. */
export class ModelPeer {
  readonly address: PeerAddress
  /** Connections that were made to it. */
  connections = 0
  /** The times at which it sent blocks, in virtual ms, and the number of requests. */
  readonly served: number[] = []
  asked = 0
  readonly #clock: VirtualClock
  readonly #made: MadeTorrent
  readonly #behaviour: PeerBehaviour
  readonly #random: () => number

  constructor(
    clock: VirtualClock,
    host: Host,
    made: MadeTorrent,
    manners: PeerBehaviour,
    random: () => number,
  ) {
    this.#clock = clock
    this.#made = made
    this.#behaviour = manners
    this.#random = random
    this.address = { host: host.address, port: PEER_PORT }
    host
      .createServer(socket => {
        this.connections++
        this.#serve(socket)
      })
      .listen({ port: PEER_PORT })
  }

  /** The times between two blocks that it sent, in virtual ms. */
  get pauses(): number[] {
    return this.served.slice(1).map((at, before) => at - this.served[before]!)
  }

  #serve(socket: ConstructorParameters<typeof Wire>[0]): void {
    const { fast, reqq, queue: most, pace, shuffled, cancels, faults, periods } = this.#behaviour
    const queue: BlockRef[] = []
    /** Requests that are answered with wrong bytes. */
    const lies = new Set<BlockRef>()
    let choking = true
    let serving = true
    let busy = false
    const refuse = (block: BlockRef) => {
      if (fast) wire.send({ type: 'reject', ...block })
    }
    const later = (ms: number, call: () => void) =>
      this.#clock.setTimeout(() => {
        if (!wire.closed) call()
      }, ms)
    const send = (block: BlockRef) => {
      this.served.push(this.#clock.now())
      wire.sendBlock(block, lies.has(block) ? wrong : undefined)
    }
    const pump = () => {
      if (busy || !serving || queue.length === 0) return
      busy = true
      later(pace, () => {
        busy = false
        if (!serving || queue.length === 0) return
        const [block] = queue.splice(shuffled ? Math.floor(this.#random() * queue.length) : 0, 1)
        send(block!)
        pump()
      })
    }
    const request = (block: BlockRef) => {
      const fault = faults[this.asked++] ?? { kind: 'serve' }
      if (choking || queue.length >= most || fault.kind === 'refuse') {
        refuse(block)
        return
      }
      if (fault.kind === 'drop') return
      if (fault.kind === 'late') {
        later(fault.ms, () => {
          queue.push(block)
          pump()
        })
        return
      }
      if (fault.kind === 'wrong') lies.add(block)
      queue.push(block)
      if (fault.kind === 'duplicate') queue.push(block)
      pump()
    }
    const cancel = (block: BlockRef) => {
      const at = queue.findIndex(({ index, begin }) => index === block.index && begin === block.begin)
      if (at < 0 || !cancels) return
      queue.splice(at, 1)
      refuse(block)
    }
    const begin = ({ kind, ms }: BehaviourPeriod) => {
      if (kind !== 'chokeAndServe') serving = false
      if (kind !== 'silence' && !choking) {
        choking = true
        wire.send({ type: 'choke' })
        if (kind === 'choke') for (const block of queue.splice(0)) refuse(block)
      }
      later(ms, () => {
        serving = true
        if (choking) wire.send({ type: 'unchoke' })
        choking = false
        pump()
      })
    }
    const hear = (message: Message) => {
      if (message.type === 'interested' && choking) {
        choking = false
        wire.send({ type: 'unchoke' })
      } else if (message.type === 'request') request(pick(message))
      else if (message.type === 'cancel') cancel(pick(message))
    }
    const wire = new Wire(socket, this.#made, hear)
    const reserved = Buffer.alloc(8)
    if (reqq !== undefined) reserved[5]! |= 0x10
    if (fast) reserved[7]! |= 0x04
    wire.sendGreeting({ handshake: { reserved } })
    if (reqq !== undefined)
      wire.send({
        type: 'extended',
        id: 0,
        payload: encodeExtendedHandshake({ client: 'model', reqq, extensions: {} }),
      })
    for (const spell of periods) later(spell.at, () => begin(spell))
  }
}

const pick = ({ index, begin, length }: BlockRef): BlockRef => ({ index, begin, length })
