import t from 'tap'
import { plausiblePeersOf } from '../../src/discovery/plausible-peers.ts'
import { UdpSockets } from '../../src/discovery/udp-sockets.ts'
import { UdpTracker } from '../../src/discovery/udp-tracker.ts'

const peers = ['1.2.3.4', '10.0.0.1', '100.64.0.1', '127.0.0.1', '169.254.1.1', '::1', 'nas.local'].map(
  host => ({
    host,
    port: 1,
  }),
)
const hosts = (address: string | undefined) => plausiblePeersOf(address, peers).map(({ host }) => host)

t.test('a tracker of the public Internet cannot name peers of our network', async t => {
  t.same(hosts('8.8.8.8'), ['1.2.3.4'])
  t.same(hosts(''), ['1.2.3.4'], 'not knowing, it is taken for one of the public Internet')
  t.same(hosts('100.64.9.9'), ['1.2.3.4', '100.64.0.1', 'nas.local'])
  t.same(hosts('192.168.0.1'), ['1.2.3.4', '10.0.0.1', '100.64.0.1', '169.254.1.1', 'nas.local'])
  t.equal(hosts('127.0.0.1').length, peers.length, 'a tracker on this machine names any')
  t.equal(hosts(undefined).length, peers.length)
})

t.test("a torrent's UDP tracker gets nothing at reserved and multicast addresses", async t => {
  const sent: string[] = []
  const sockets = Object.assign(new UdpSockets(), {
    send: async (_: Uint8Array, { host }: { host: string }) => {
      sent.push(host)
      throw new Error('not sent')
    },
  })
  const request = { infoHash: Buffer.alloc(20), peerId: Buffer.alloc(20), port: 1, key: 1 }
  const announce = (host: string, trust: 'remote' | 'user', lookup = host) =>
    new UdpTracker(`udp://${host.includes(':') ? `[${host}]` : host}:9/announce`, {
      sockets,
      trust,
      lookup: async () => [{ address: lookup, family: 4 }],
    })
      .announce({ ...request, uploaded: 0, downloaded: 0, left: 0, numwant: 1 })
      .catch((error: Error) => error.message)
  for (const host of ['169.254.169.254', '224.0.0.1', '255.255.255.255', 'fe80::1', 'ff02::1'])
    t.match(await announce(host, 'remote'), /is not a valid address of a tracker/, host)
  t.match(await announce('name.example', 'remote', '169.254.169.254'), /is not a valid address/)
  t.same(sent, [])
  await announce('127.0.0.1', 'remote')
  await announce('169.254.1.1', 'user')
  t.same(sent, ['127.0.0.1', '169.254.1.1'])
})
