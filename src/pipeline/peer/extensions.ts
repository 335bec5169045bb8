import { EventEmitter } from 'node:events'
import type { PeerAddress } from '../../codec/compact.ts'
import {
  EXTENDED_HANDSHAKE,
  type ExtendedHandshake,
  encodeDontHave,
  encodeExtendedHandshake,
  parseDontHave,
  parseExtendedHandshake,
} from '../../codec/extended.ts'
import {
  encodeMetadataMessage,
  type MetadataMessage,
  parseMetadataMessage,
  UT_METADATA,
} from '../../codec/metadata.ts'
import { decodePex, encodePex, type PexPeer } from '../../codec/pex.ts'
import type { DontHaveMessage } from '../../streams/peer/incoming.ts'
import type { MessageTarget } from './message-target.ts'
import { MetadataResponder } from './metadata-responder.ts'
import type { PeerContext } from './peer-context.ts'
import { PeerExchange } from './peer-exchange.ts'

export interface ExtensionsEvents {
  /** The peer sent an extended handshake: the first, or a change. */
  handshake: [handshake: ExtendedHandshake]
  /** The peer named other peers (BEP 11). */
  peers: [addresses: readonly PeerAddress[]]
  /** The peer sent a piece of the metadata, or rejected a request for one (BEP 9). */
  metadata: [message: MetadataMessage]
}

export interface ExtensionsOptions {
  readonly context: PeerContext
  /** The peer's IP address. */
  readonly host: string
  readonly peer: MessageTarget
}

/** Number of requests of a peer that we queue. */
const OUR_REQQ = 500
/** Our ids of extension messages. */
const OUR_IDS = { lt_donthave: 1, ut_pex: 2, ut_metadata: UT_METADATA } as const

/** The extension messages between one peer and us (BEP 10): the handshake, metadata, PEX, don't-have. */
export class Extensions extends EventEmitter<ExtensionsEvents> {
  /** The extended handshakes of the peer, merged: a later one changes only the fields that it has. */
  peerHandshake: ExtendedHandshake = { extensions: new Map() }
  /** True if the peer supports the extension protocol. */
  supported = false
  readonly #context: PeerContext
  readonly #host: string
  readonly #peer: MessageTarget
  #pex: PeerExchange | undefined
  #metadata: MetadataResponder | undefined
  readonly #handlers = new Map<number, (payload: Uint8Array) => DontHaveMessage | undefined>([
    [EXTENDED_HANDSHAKE, payload => this.#takeHandshake(payload)],
    [OUR_IDS.lt_donthave, payload => this.#takeDontHave(payload)],
    [OUR_IDS.ut_pex, payload => this.#takePeers(payload)],
    [OUR_IDS.ut_metadata, payload => this.#takeMetadata(payload)],
  ])

  constructor({ context, host, peer }: ExtensionsOptions) {
    super()
    this.#context = context
    this.#host = host
    this.#peer = peer
  }

  /** Handles an extended message; unknown ids are ignored. @returns the message to pass on to the Requester, if any */
  handle(id: number, payload: Uint8Array): DontHaveMessage | undefined {
    return this.#handlers.get(id)?.(payload)
  }

  /**
   * Sends our extended handshake, at the start and after changes. It always has all fields, as libtorrent takes an extension
   * that a later handshake leaves out as disabled.
   */
  sendHandshake(): void {
    if (!this.supported) return
    const { client, pex, port, torrent } = this.#context
    if (pex) this.#pex ??= new PeerExchange(this.#host, this.#context.clock.now())
    const { ut_pex, ...others } = OUR_IDS
    const payload = encodeExtendedHandshake({
      client,
      reqq: OUR_REQQ,
      // a torrent that turned out to be private exchanges no peers any more
      extensions: pex ? OUR_IDS : this.#pex ? { ...others, ut_pex: 0 } : others,
      yourIp: this.#host,
      ...(torrent ? { metadataSize: torrent.info.length } : {}),
      ...(port === undefined ? {} : { port }),
      ...(torrent?.isUploadOnly && !torrent.upload.isSuperSeeding ? { uploadOnly: true } : {}),
    })
    this.#send(EXTENDED_HANDSHAKE, payload)
    if (!pex) this.#pex = undefined
  }

  /** Tells the peer that we lost a piece, if it supports that (BEP 54). */
  sendDontHave(index: number): void {
    const id = this.peerHandshake.extensions.get('lt_donthave') ?? 0
    if (id > 0) this.#send(id, encodeDontHave(index))
  }

  /** Requests pieces of the metadata. */
  requestMetadata(pieces: readonly number[]): void {
    for (const piece of pieces) this.sendMetadata(encodeMetadataMessage({ type: 'request', piece }))
  }

  /** Continues to send metadata, after the connection has drained. */
  resume(): void {
    this.#metadata?.resume()
  }

  /** Returns true if a PEX message to the peer is due. */
  pexIsDue(now: number): boolean {
    return Boolean(this.#pex?.isDue(now) && this.peerHandshake.extensions.get('ut_pex'))
  }

  /** Tells the peer which peers connected and disconnected since the last message (BEP 11). @param own its own listening address */
  sendPex(connected: ReadonlyMap<string, PexPeer>, own: string | undefined, now: number): void {
    const id = this.peerHandshake.extensions.get('ut_pex')
    const news = id ? this.#pex?.composeMessage(connected, own, now) : undefined
    if (news) this.#send(id!, encodePex(news))
  }

  #takeHandshake(payload: Uint8Array): undefined {
    const handshake = parseExtendedHandshake(payload)
    const extensions = new Map([...this.peerHandshake.extensions, ...handshake.extensions])
    this.peerHandshake = { ...this.peerHandshake, ...handshake, extensions }
    this.emit('handshake', handshake)
  }

  #takeDontHave(payload: Uint8Array): DontHaveMessage | undefined {
    const index = parseDontHave(payload)
    return index === undefined ? undefined : { type: 'dontHave', index }
  }

  #takePeers(payload: Uint8Array): undefined {
    const message = this.#pex && decodePex(payload)
    if (message) this.emit('peers', this.#pex!.acceptPeers(message, this.#context.clock.now()))
  }

  #takeMetadata(payload: Uint8Array): undefined {
    const info = this.#context.torrent?.info
    if (info) {
      this.#metadata ??= new MetadataResponder(info, this)
      this.#metadata.handle(payload)
      return
    }
    const message = parseMetadataMessage(payload)
    if (message?.type === 'request') {
      this.sendMetadata(encodeMetadataMessage({ type: 'reject', piece: message.piece }))
    } else if (message) this.emit('metadata', message)
  }

  /** Sends the payload of a ut_metadata message, if the peer supports it. @returns true if there is room for more */
  sendMetadata(payload: Uint8Array): boolean {
    const id = this.peerHandshake.extensions.get('ut_metadata') ?? 0
    return id === 0 || this.#send(id, payload)
  }

  #send(id: number, payload: Uint8Array): boolean {
    return this.#peer.send({ type: 'extended', id, payload })
  }
}
