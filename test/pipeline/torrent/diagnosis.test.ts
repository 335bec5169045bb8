import t from 'tap'
import { PeerError } from '../../../src/errors.ts'
import { describeEnd, summarize } from '../../../src/pipeline/swarm/peer-reports.ts'
import { scriptedPeer } from '../../helpers/scripted-peer.ts'
import { oddTorrent, run } from '../../helpers/swarm.ts'
import { VirtualClock } from '../../helpers/virtual-clock.ts'

const system = (code: string) => {
  const cause = Object.assign(new Error(`connect ${code} 1.2.3.4:5`), { code })
  return new PeerError('ERR_CONNECTION', `1.2.3.4:5: ${cause.message}`, cause)
}
const silent = { ready: false, isSilent: true }
const unreached = { ready: false, isSilent: false }
const ready = { ready: true, isSilent: false }

t.test('the end of a connection is described in plain words, without the address in front', async t => {
  const cases: [Error | undefined, typeof ready, string][] = [
    [system('ECONNREFUSED'), unreached, 'refused the connection'],
    [system('ETIMEDOUT'), unreached, 'did not answer'],
    [system('EHOSTUNREACH'), unreached, 'could not be reached: no route to it'],
    [system('ECONNRESET'), silent, 'hung up before its handshake'],
    [undefined, silent, 'hung up before its handshake'],
    [undefined, ready, 'closed the connection'],
    [new PeerError('ERR_TIMEOUT', '1.2.3.4:5: no handshake within 10 s'), unreached, 'did not answer'],
    [new PeerError('ERR_TIMEOUT', '[::1]:5: no handshake within 10 s'), silent, 'sent no handshake'],
    [new PeerError('ERR_TIMEOUT', '[::1]:5: silent for 130 s'), ready, 'failed: silent for 130 s'],
    [
      new PeerError('ERR_HANDSHAKE', 'answered for another torrent, 00'),
      unreached,
      'failed: answered for another torrent, 00',
    ],
    [new PeerError('ERR_BANNED', 'banned for wrong bytes'), ready, 'is banned for wrong bytes'],
  ]
  for (const [error, peer, text] of cases) t.equal(describeEnd(error, peer), text)
})

t.test('peers are counted by what happened to them, with examples', async t => {
  const at = (n: number, what: string) => ({ address: { host: `10.0.0.${n}`, port: 1 }, what })
  t.equal(summarize([at(1, 'chokes us')], 'gives us anything'), 'the only peer, 10.0.0.1:1, chokes us')
  t.equal(
    summarize([at(1, 'chokes us'), at(2, 'chokes us')], 'gives us anything'),
    'all 2 peers choke us (10.0.0.1:1, 10.0.0.2:1)',
  )
  t.equal(
    summarize([at(1, 'hung up before its handshake')], 'gives us anything'),
    'the only peer, 10.0.0.1:1, hung up before its handshake (over TCP: tsdl has no uTP)',
  )
  const many = [1, 2, 3, 4].map(n => at(n, 'did not answer'))
  t.equal(
    summarize([at(9, 'chokes us'), ...many], 'gives us anything'),
    'none of 5 peers gives us anything: 4 did not answer (10.0.0.1:1, 10.0.0.2:1, 10.0.0.3:1, 10.0.0.4:1), ' +
      '1 chokes us (10.0.0.9:1) (over TCP: tsdl has no uTP)',
    'up to ten peers are all named',
  )
  const more = [5, 6, 7, 10, 11].map(n => at(n, 'did not answer'))
  t.equal(
    summarize(
      [at(9, 'chokes us'), ...many, ...more, at(8, 'is banned for wrong bytes')],
      'gives us anything',
    ),
    'none of 11 peers gives us anything: 9 did not answer (10.0.0.1:1, 10.0.0.2:1, 10.0.0.3:1, ...), ' +
      '1 chokes us (10.0.0.9:1), 1 is banned for wrong bytes (10.0.0.8:1) (over TCP: tsdl has no uTP)',
  )
  for (const [one, several] of [
    ['has not given all of it yet', 'have not given all of it yet'],
    ['does not speak BitTorrent v2', 'do not speak BitTorrent v2'],
    ['has none of the pieces that we lack', 'have none of the pieces that we lack'],
    ['had no metadata to give', 'had no metadata to give'],
  ] as const) {
    const text = summarize([at(1, one), at(2, one)], 'gave it')
    t.equal(text, `all 2 peers ${several} (10.0.0.1:1, 10.0.0.2:1)`)
  }
  const kinds = Array.from({ length: 4000 }, (_, n) => at(n % 250, `failed: ${n}`))
  t.ok(summarize(kinds, 'gives us anything').length < 500, 'it stays one sentence')
})

t.test('a download with one peer that refuses the connection names its address', async t => {
  const peer = await scriptedPeer(t, oddTorrent())
  await peer.close()
  const { torrent } = run(t, oddTorrent(), { peers: [peer.address], clock: new VirtualClock() })
  await new Promise(resolve => torrent.once('warning', resolve))
  t.equal(
    torrent.reason,
    `the only peer, 127.0.0.1:${peer.address.port}, refused the connection (over TCP: tsdl has no uTP)`,
  )
})
