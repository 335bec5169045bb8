import { EventEmitter } from 'node:events'
import type { Outgoing } from '../../streams/peer/outgoing.ts'
import type { Stage } from '../../streams/stage.ts'
import type { Funnel } from '../../streams/torrent/funnel.ts'
import type { PeerStages } from './peer-stages.ts'

export interface ConnectionEvents {
  /** The serializer accepts messages again. */
  drain: []
  /** The first stage that ended, with its error. The owner destroys the connection. */
  close: [error: Error | undefined]
}

/**
 * The stages of one peer, joined:
 *
 *     PeerSocket -> Framer -> Dispatcher -> Requester -> the torrent's Funnel
 *         ^                       |
 *         '--- Serializer <- Responder
 *
 * With encryption, Decipher and Encipher stand next to the PeerSocket.
 */
export class Connection extends EventEmitter<ConnectionEvents> {
  readonly stages: PeerStages
  readonly #all: readonly Stage[]
  #ending = false

  constructor(stages: PeerStages, funnel: Funnel) {
    super()
    const { ciphers, dispatcher, framer, requester, responder, serializer, socket } = stages
    const inlet = funnel.inlet()
    this.stages = stages
    this.#all = [socket, framer, dispatcher, requester, inlet, responder, serializer]
    if (ciphers) this.#all = [...this.#all, ciphers.decipher, ciphers.encipher]
    for (const stage of this.#all) this.#watch(stage)
    serializer.on('drain', () => this.emit('drain'))

    const received = ciphers ? socket.pipe(ciphers.decipher) : socket
    received.pipe(framer).pipe(dispatcher).pipe(requester).pipe(inlet)

    const outgoing = dispatcher.requests.pipe(responder).pipe(serializer)
    const encrypted = ciphers ? outgoing.pipe(ciphers.encipher) : outgoing
    encrypted.pipe(socket)
  }

  /** Queues a message or a batch of messages, ahead of blocks that wait. @returns true if there is room for more */
  send(message: Outgoing): boolean {
    return this.stages.serializer.write(message)
  }

  /** Ends the connection after the messages that wait. */
  end(): void {
    this.#ending = true
    this.stages.serializer.end()
  }

  /** Destroys all stages now. Idempotent. @param isPolite true to send what was written to the socket before */
  destroy(isPolite = false): void {
    if (isPolite) this.stages.socket.hangUp()
    for (const stage of this.#all) stage.destroy()
  }

  #watch(stage: Stage): void {
    // after `end` only the socket counts, as it still has to send what waits
    const counts = () => !this.#ending || stage === this.stages.socket
    stage.on('error', error => counts() && this.emit('close', error))
    stage.on('close', () => counts() && this.emit('close', undefined))
  }
}
