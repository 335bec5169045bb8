import t, { type Test } from 'tap'
import { BLOCK_LENGTH } from '../../src/codec/message.ts'
import type { Peer } from '../../src/pipeline/peer/peer.ts'
import { RANDOM_SEED } from '../helpers/random-seed.ts'
import type { Wire } from '../helpers/scripted-peer.ts'
import { dialFrom } from '../helpers/simulation/scripted.ts'
import { SimulatedSwarm } from '../helpers/simulation/swarm.ts'
import { RESERVED_BYTES } from '../helpers/wire.ts'

const KiB = 1024

interface BlockRun {
  /** The rate of the seed's link, or the limit that its user set. */
  readonly line: { readonly up: number } | { readonly limitUp: number }
  readonly attackers?: number
  readonly leechers?: number
}

/**
 * Runs honest leechers at one seed. Returns when the last is complete, and how long the seed was idle despite requests.
 */
async function share(t: Test, { line, attackers = 0, leechers = 2 }: BlockRun) {
  const swarm = new SimulatedSwarm({ seed: RANDOM_SEED, pieces: 128, pieceLength: 64 * KiB })
  const seed = swarm.join({ complete: true, ...line })
  const honest = Array.from({ length: leechers }, () => swarm.join({ up: 2048 * KiB }))
  const peers = new Set<Peer>()
  seed.torrent.on('connected', peer => peers.add(peer))
  const wires: Wire[] = []
  let running = true
  for (let n = 0; n < attackers; n++) {
    const host = swarm.network.host(`10.200.${n}.1`, { latency: 20, down: 8 * KiB })
    const attack = () => {
      if (!running) return
      const wire = dialFrom(swarm, host, seed.address, {
        sendGreeting: wire => {
          wire.sendHandshake({ reserved: RESERVED_BYTES.fast })
          wire.send({ type: 'haveNone' }, { type: 'interested' })
        },
        message: ({ type }, wire) => {
          if (type !== 'unchoke') return
          for (let index = 0; index < 128; index++)
            wire.send({ type: 'request', index, begin: 0, length: BLOCK_LENGTH })
        },
      })
      wires.push(wire)
      swarm.clock.setTimeout(() => {
        wire.socket.destroy()
        attack()
      }, 7000)
    }
    attack()
  }
  await swarm.start()
  let [idle, sent, sentAt] = [0, 0, 0]
  while (!honest.every(({ torrent }) => torrent.complete)) {
    await swarm.clock.run({ for: 50 })
    const now = swarm.clock.now()
    const { uploaded } = seed.torrent.progress
    const asked = [...peers].some(({ responder }) => !responder.destroyed && responder.waiting > 0)
    if (uploaded > sent || !asked) sentAt = now
    sent = uploaded
    idle = Math.max(idle, now - sentAt)
  }
  t.ok(honest.every(({ storage }) => storage.holds(swarm.made.content)))
  const took = Math.max(...honest.map(({ doneAt, startedAt }) => doneAt - startedAt))
  running = false
  for (const { socket } of wires) socket.destroy()
  await swarm.close()
  return { took, idle }
}

for (const [name, line] of Object.entries({
  'a thin line': { up: 512 * KiB },
  'a limit': { limitUp: 512 * KiB },
})) {
  t.test(
    `a peer that requests a block of every piece and reads slowly does not delay others, at a seed with ${name}`,
    async t => {
      const alone = await share(t, { line })
      for (const attackers of [1, 3]) {
        const attacked = await share(t, { line, attackers })
        const ratio = attacked.took / alone.took
        t.comment(`SEED=${RANDOM_SEED}, ${attackers}: ${ratio.toFixed(2)} times as long`)
        t.ok(ratio <= 1.5, `SEED=${RANDOM_SEED}, ${attackers}: ${ratio} times as long`)
      }
    },
  )

  t.test(`a seed with ${name} is never idle while it has requests`, async t => {
    for (const leechers of [2, 4]) {
      const { idle } = await share(t, { line, leechers })
      t.comment(`SEED=${RANDOM_SEED}, ${leechers}: ${idle} ms`)
      t.ok(idle <= 500, `SEED=${RANDOM_SEED}: nothing was sent for ${idle} ms`)
    }
  })
}
