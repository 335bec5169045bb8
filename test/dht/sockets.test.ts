import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { formatAddress, type PeerAddress } from '../../src/codec/compact.ts'
import { Dht, type DhtOptions } from '../../src/dht/dht.ts'
import { MAX_STATE } from '../../src/dht/state.ts'
import { readDhtRecord, writeDhtRecord } from '../../src/pipeline/client/dht-record.ts'
import { nodeFileSystem } from '../../src/ports/file-system.ts'

/** Starts nodes on loopback that bootstrap from the first, and closes them after `t`. */
async function nodes(t: Test, count: number, bind: string, options: DhtOptions = {}): Promise<Dht[]> {
  const all: Dht[] = []
  for (let index = 0; index < count; index++) {
    const port = all[0]?.port(bind.includes(':') ? 6 : 4)
    const bootstrap = port ? [{ host: bind, port }] : []
    all.push(await new Dht({ bind, bootstrap, ...options }).start())
  }
  t.teardown(() => Promise.all(all.map(node => node.close())))
  return all
}

async function look(dht: Dht, infoHash: Uint8Array, port?: number) {
  const peers: PeerAddress[] = []
  const found = (more: readonly PeerAddress[]) => peers.push(...more)
  const result = await dht.lookup(infoHash, { found, ...(port ? { announce: { port } } : {}) })
  return { ...result, peers: peers.map(formatAddress) }
}

const hasIpv6 = Object.values(networkInterfaces()).some(all => all?.some(({ address }) => address === '::1'))

for (const host of hasIpv6 ? ['127.0.0.1', '::1'] : ['127.0.0.1']) {
  t.test(`thirty nodes at ${host} find a peer, and a new node finds it by its first lookup`, async t => {
    const all = await nodes(t, 30, host)
    const infoHash = Buffer.alloc(20, host)
    let announced = 0
    // Early lookups know few nodes.
    for (let tries = 0; announced < 8 && tries < 100; tries++)
      announced = (await look(all[4]!, infoHash, 7_000)).announced
    t.ok(announced >= 8, `${announced} nodes stored it`)
    const [newNode] = await nodes(t, 1, host, {
      bootstrap: [{ host, port: all[0]!.port(host === '::1' ? 6 : 4)! }],
    })
    t.same((await look(newNode!, infoHash)).peers, [formatAddress({ host, port: 7_000 })])
    const implied = await new Promise<readonly PeerAddress[]>(resolve => {
      const other = Buffer.alloc(20, 'implied')
      const announce = { port: 1, impliedPort: true }
      void all[5]!
        .lookup(other, { found: () => {}, announce })
        .then(() => newNode!.lookup(other, { found: resolve }))
    })
    t.same(implied, [{ host, port: all[5]!.port(host === '::1' ? 6 : 4) }], 'the source port')
  })
}

t.test('a silent address and one that sends garbage have the same effect', async t => {
  const mute = createSocket('udp4').bind(0, '127.0.0.1')
  await once(mute, 'listening')
  mute.on('message', (_, { address, port }) => mute.send(Buffer.alloc(60_000, 'd'), port, address))
  const closed = createSocket('udp4').bind(0, '127.0.0.1')
  await once(closed, 'listening')
  const ports = [mute.address().port, closed.address().port]
  closed.close()
  const [, second] = await nodes(t, 2, '127.0.0.1')
  for (const port of ports) second!.add({ host: '127.0.0.1', port })
  second!.add({ host: '::1', port: 9 }) // it has no node of this family
  await look(second!, Buffer.alloc(20, 1), 7_000)
  t.same((await look(second!, Buffer.alloc(20, 1))).peers, ['127.0.0.1:7000'])
  mute.close()
})

t.test('a run starts with the nodes of the previous one', async t => {
  const dir = await mkdtemp(join(tmpdir(), 'tsdl-dht-'))
  t.teardown(() => rm(dir, { recursive: true }))
  const path = join(dir, 'state', 'dht')
  t.equal(await readDhtRecord(nodeFileSystem, path), undefined)
  await writeDhtRecord(nodeFileSystem, path, undefined)
  t.same(await readdir(dir), [], 'no record without known nodes')
  const all = await nodes(t, 4, '127.0.0.1')
  for (const node of all) await look(node, Buffer.alloc(20, 2))
  await look(all[1]!, Buffer.alloc(20, 2), 7_000)
  await writeDhtRecord(nodeFileSystem, path, all[3]!.state)
  t.same(await readdir(join(dir, 'state')), ['dht'])
  const state = await readDhtRecord(nodeFileSystem, path)
  const [restarted] = await nodes(t, 1, '127.0.0.1', { bootstrap: [], state: state! })
  t.same((await look(restarted!, Buffer.alloc(20, 2))).peers, ['127.0.0.1:7000'])
  await writeFile(path, Buffer.alloc(MAX_STATE + 1))
  t.equal(await readDhtRecord(nodeFileSystem, path), undefined, 'a record that we did not write is ignored')
  await symlink(path, join(dir, 'link'))
  t.equal(await readDhtRecord(nodeFileSystem, join(dir, 'link')), undefined)
  await t.rejects(writeDhtRecord(nodeFileSystem, join(path, 'below a file'), state), { code: 'ERR_RECORD' })
})

t.test(
  'with one address family there is a node of that family only',
  { skip: hasIpv6 ? false : 'no IPv6' },
  async t => {
    for (const [family, other, host] of [
      [4, 6, '127.0.0.1'],
      [6, 4, '::1'],
    ] as const) {
      const dht = await new Dht({ family, bootstrap: [] }).start()
      t.teardown(() => dht.close())
      t.ok(dht.port(family))
      t.equal(dht.port(other), undefined)
      const [node] = await nodes(t, 1, host)
      dht.add({ host, port: node!.port(family)! })
      t.equal((await look(dht, Buffer.alloc(20))).answered, 1)
      t.throws(() => new Dht({ family: other, bind: host }), { code: 'ERR_USAGE', message: /^bind: / })
    }
  },
)
