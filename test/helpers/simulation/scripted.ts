import type net from 'node:net'
import type { PeerAddress } from '../../../src/codec/compact.ts'
import type { BlockRef } from '../../../src/codec/message.ts'
import { type PeerScript, player, Wire } from '../scripted-peer.ts'
import type { Host } from './host.ts'
import type { SimulatedSwarm } from './swarm.ts'

/** Dials a member of a simulated swarm as a scripted peer. Without a script it is an honest peer without pieces. */
export function dialFrom(
  swarm: SimulatedSwarm,
  host: Host,
  { host: address, port }: PeerAddress,
  script: PeerScript = {},
): Wire {
  const socket = host.connect({ host: address, port })
  const wire = new Wire(socket, swarm.made, player(script, []))
  const { sendGreeting = wire => wire.sendGreeting({ has: () => false, ...script }) } = script
  socket.once('connect', () => sendGreeting(wire))
  return wire
}

/** A scripted peer that listens on a simulated network. Without a script it is an honest seed. */
export function listenAt(swarm: SimulatedSwarm, host: Host, script: PeerScript = {}, port = 6881) {
  const wires: Wire[] = []
  const requests: BlockRef[] = []
  const play = player(script, requests)
  const { sendGreeting = wire => wire.sendGreeting(script) } = script
  const server = host.createServer((socket: net.Socket) => {
    const wire = new Wire(socket, swarm.made, play)
    wires.push(wire)
    sendGreeting(wire)
  })
  server.listen({ port, host: host.address })
  const close = () => {
    server.close()
    for (const { socket } of wires) socket.destroy()
  }
  return { address: { host: host.address, port }, wires, requests, close }
}
