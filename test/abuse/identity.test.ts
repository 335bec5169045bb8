import t, { type Test } from 'tap'
import { RANDOM_SEED } from '../helpers/random-seed.ts'
import type { PeerScript, Wire } from '../helpers/scripted-peer.ts'
import { wrong } from '../helpers/scripted-peer.ts'
import { dialFrom } from '../helpers/simulation/scripted.ts'
import { type Member, SimulatedSwarm } from '../helpers/simulation/swarm.ts'

const KiB = 1024

interface Attack {
  /** Starts the attack when the two are connected. */
  readonly begin?: (swarm: SimulatedSwarm, leecher: Member, honest: Member) => void
  /** Ends the attack. */
  readonly end?: () => void
}

/** Runs one honest seed and one leecher. Returns the time of the download in virtual ms, and the warnings. */
async function download(t: Test, { begin, end }: Attack = {}) {
  const swarm = new SimulatedSwarm({ seed: RANDOM_SEED, pieces: 128, pieceLength: 64 * KiB })
  const honest = swarm.join({ complete: true, up: 512 * KiB })
  const leecher = swarm.join()
  const warnings: string[] = []
  const disconnected: string[] = []
  let met = 0
  leecher.torrent.on('warning', ({ message }) => warnings.push(message))
  leecher.torrent.on('connected', () => met++)
  leecher.torrent.on('disconnected', ({ address }) => disconnected.push(address.host))
  await swarm.start()
  await swarm.clock.run({ until: () => met > 0 })
  begin?.(swarm, leecher, honest)
  await swarm.finish([leecher])
  t.ok(leecher.storage.holds(swarm.made.content))
  const took = leecher.doneAt - leecher.startedAt
  const { wasted } = leecher.torrent.progress
  const stays = [...disconnected]
  end?.()
  await swarm.close()
  t.same([swarm.network.open, swarm.clock.pending], [0, 0], 'nothing is left')
  const discarded = leecher.torrent.progress.downloaded - swarm.length
  return {
    took,
    wasted,
    discarded,
    pieceLength: swarm.made.metainfo.pieceLength,
    warnings,
    disconnected: stays,
  }
}

const lying: PeerScript = { has: () => true, request: (block, wire) => wire.sendBlock(block, wrong) }

t.test('a peer that sends wrong bytes with the copied id of a seed is banned alone', async t => {
  const alone = await download(t)
  const wires: Wire[] = []
  let again: () => void = () => {}
  const attacked = await download(t, {
    begin: (swarm, leecher) => {
      const host = swarm.network.host('10.200.0.1', { latency: 20 })
      // the peer id of the first member of a SimulatedSwarm
      const peerId = Buffer.from('-SM0001-000000000000')
      again = () => {
        const wire = dialFrom(swarm, host, leecher.address, { ...lying, handshake: { peerId } })
        wires.push(wire)
        wire.socket.once('close', () => {
          if (wires.length < 50) swarm.clock.setTimeout(again, 500)
        })
      }
      again()
    },
    end: () => {
      again = () => {}
      for (const { socket } of wires) socket.destroy()
    },
  })
  t.notOk(attacked.disconnected.includes('10.0.0.1'), 'the honest seed stays connected')
  for (const warning of attacked.warnings) t.match(warning, /^10\.200\.0\.1:/)
  const ratio = attacked.took / alone.took
  t.comment(`SEED=${RANDOM_SEED}: ${ratio.toFixed(2)} times as long, ${wires.length} connections of the liar`)
  t.ok(ratio <= 1.3, `SEED=${RANDOM_SEED}: ${ratio} times as long`)
})

t.test(
  'thirty lying peers at one address that reconnect from other ports cost only their first lies',
  async t => {
    const alone = await download(t)
    const wires: Wire[] = []
    let running = true
    const attacked = await download(t, {
      begin: (swarm, leecher) => {
        const host = swarm.network.host('10.200.0.1', { latency: 20 })
        const lie = () => {
          if (!running) return
          const wire = dialFrom(swarm, host, leecher.address, lying)
          wires.push(wire)
          wire.socket.once('close', () => running && swarm.clock.setTimeout(lie, 1000))
        }
        for (let n = 0; n < 30; n++) lie()
      },
      end: () => {
        running = false
        for (const { socket } of wires) socket.destroy()
      },
    })
    const ratio = attacked.took / alone.took
    const pieces = attacked.discarded / attacked.pieceLength
    t.comment(
      `SEED=${RANDOM_SEED}: ${ratio.toFixed(2)} times as long, ${pieces} pieces in vain, ${wires.length} connections`,
    )
    t.notOk(attacked.disconnected.includes('10.0.0.1'), 'the honest seed stays connected')
    t.ok(wires.length > 60, 'they came back')
    t.ok(
      wires.slice(40).every(({ bytes }) => bytes.length === 0),
      'to be refused',
    )
    t.ok(ratio <= 1.5, `SEED=${RANDOM_SEED}: ${ratio} times as long`)
  },
)

t.test('a lying peer behind the NAT of an honest peer costs that peer nothing', async t => {
  const alone = await download(t)
  const wires: Wire[] = []
  let running = true
  const attacked = await download(t, {
    begin: (swarm, leecher, honest) => {
      const lie = () => {
        if (!running) return
        const wire = dialFrom(swarm, honest.host, leecher.address, lying)
        wires.push(wire)
        wire.socket.once('close', () => running && swarm.clock.setTimeout(lie, 1000))
      }
      lie()
    },
    end: () => {
      running = false
      for (const { socket } of wires) socket.destroy()
    },
  })
  const ratio = attacked.took / alone.took
  t.comment(`SEED=${RANDOM_SEED}: ${ratio.toFixed(2)} times as long, ${attacked.warnings.length} bans`)
  for (const warning of attacked.warnings) t.notMatch(warning, /^10\.0\.0\.1:6881/)
  t.ok(ratio <= 1.5, `SEED=${RANDOM_SEED}: ${ratio} times as long`)
})

t.test(
  'a connection that claims the id of an established one, also at its address, evicts nothing',
  async t => {
    const { disconnected, warnings } = await download(t, {
      begin: (swarm, leecher, honest) => {
        swarm.clock.setTimeout(() => {
          for (const host of [honest.host, swarm.network.host('10.200.0.1')]) {
            for (const name of ['-SM0001-000000000000', '-SM0001-000000000001']) {
              const wire = dialFrom(swarm, host, leecher.address, {
                handshake: { peerId: Buffer.from(name) },
              })
              swarm.clock.setTimeout(() => wire.socket.destroy(), 3000)
            }
          }
        }, 3000)
      },
    })
    t.notOk(disconnected.includes('10.0.0.1'), 'the honest seed stays')
    t.same(warnings, [])
  },
)
