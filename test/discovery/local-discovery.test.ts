import { EventEmitter } from 'node:events'
import type { NetworkInterfaceInfo } from 'node:os'
import fc from 'fast-check'
import t from 'tap'
import { formatAddress } from '../../src/codec/compact.ts'
import { decodeLsd, encodeLsd } from '../../src/codec/lsd.ts'
import type { CreateSocket } from '../../src/discovery/create-socket.ts'
import { isLocalAddress } from '../../src/discovery/local-address.ts'
import { LocalDiscovery } from '../../src/discovery/local-discovery.ts'
import { settle, VirtualClock } from '../helpers/virtual-clock.ts'

const hash = (byte: number) => Buffer.alloc(20, byte)
const hex = (byte: number) => hash(byte).toString('hex')
const info = (address: string, cidr: string, internal = false) =>
  ({ address, cidr, internal, family: address.includes(':') ? 'IPv6' : 'IPv4' }) as NetworkInterfaceInfo

/** A local discovery on two interfaces of a network in memory. */
function setup({ failing = [] as string[], only = undefined as { family: 4 | 6 } | undefined } = {}) {
  const clock = new VirtualClock()
  const interfaces: NodeJS.Dict<NetworkInterfaceInfo[]> = {
    lo: [info('127.0.0.1', '127.0.0.1/8', true)],
    eth0: [info('192.168.1.7', '192.168.1.7/24'), info('2001:db8::7', '2001:db8::7/64')],
    eth1: [info('203.0.113.7', '203.0.113.7/25')],
  }
  const sent: { at: number; via: string; to: string; text: string }[] = []
  const sockets = new Map<string, EventEmitter>()
  const groups: string[] = []
  let open = 0
  const createSocket: CreateSocket = ({ type, reuseAddr }) => {
    const events = new EventEmitter()
    let via = ''
    open++
    sockets.set(type, events)
    return Object.assign(events, {
      bind: (port: number, bound: () => void) =>
        queueMicrotask(() =>
          failing.includes(type) || !reuseAddr || port !== 6771
            ? events.emit('error', new Error('no'))
            : bound(),
        ),
      unref: () => {},
      close: () => open--,
      addMembership: (group: string, multicast: string) => {
        if (failing.includes(multicast)) throw new Error('no such device')
        groups.push(`${group} ${multicast}`)
      },
      setMulticastInterface: (multicast: string) => {
        via = multicast
      },
      send: (packet: Uint8Array, port: number, host: string, done: () => void) => {
        // As the real socket, it reads the interface when it sends.
        queueMicrotask(() => {
          sent.push({
            at: clock.now() / 1000,
            via,
            to: formatAddress({ host, port }),
            text: Buffer.from(packet).toString(),
          })
          done()
        })
      },
    }) as unknown as ReturnType<CreateSocket>
  }
  const options = { clock, createSocket, interfaces: () => interfaces, cookie: 'ours' }
  const discovery = new LocalDiscovery({ ...options, ...only })
  const found: string[] = []
  discovery.on('peer', (infoHash, address) => found.push(`${infoHash[0]} ${formatAddress(address)}`))
  const hear = (address: string, port: number, infoHashes: string[], cookie = 'theirs') =>
    sockets
      .get(address.includes(':') ? 'udp6' : 'udp4')
      ?.emit('message', encodeLsd(4, { port, infoHashes, cookie }), { address, port: 6771 })
  return { clock, discovery, failing, found, groups, hear, interfaces, sent, sockets, open: () => open }
}

t.test(
  'an announce has the bytes of BEP 14, and at most 24 info-hashes in less than 1,400 bytes',
  async t => {
    t.equal(
      encodeLsd(4, { port: 6881, infoHashes: [hex(1), hex(2)], cookie: 'abc' }).toString(),
      `BT-SEARCH * HTTP/1.1\r\nHost: 239.192.152.143:6771\r\nPort: 6881\r\nInfohash: ${hex(1)}\r\nInfohash: ${hex(2)}\r\ncookie: abc\r\n\r\n\r\n`,
    )
    t.match(encodeLsd(6, { port: 1, infoHashes: [hex(1)] }).toString(), 'Host: [ff15::efc0:988f]:6771\r\n')
    const longest = encodeLsd(6, {
      port: 65_535,
      infoHashes: Array.from({ length: 30 }, (_, n) => hex(n)),
      cookie: 'x'.repeat(8),
    })
    t.ok(longest.length <= 1_400, `${longest.length}`)
    t.equal(decodeLsd(longest)?.infoHashes.length, 24)
  },
)

t.test('announces of other clients are read, and any other packet is ignored', async t => {
  const read = (text: string) => decodeLsd(Buffer.from(text, 'latin1'))
  const head = 'BT-SEARCH * HTTP/1.1\r\n'
  const good = { port: 6881, infoHashes: [hex(0xab)] }
  t.same(
    read(`${head}HOST:x\r\nport:6881\r\nX-New: y\r\nINFOHASH:  ${hex(0xab).toUpperCase()} \r\n\r\nPort: 1`),
    good,
  )
  t.same(
    read(`BT-SEARCH * HTTP/1.0\nPort: 6881\nInfohash: ${hex(0xab)}\nInfohash: ${hex(0xab)}\nInfohash: 12`),
    good,
  )
  t.same(read(`${head}Port: 6881\r\nInfohash: ${hex(0xab)}\r\ncookie: c c\r\n\r\n`), {
    ...good,
    cookie: 'c c',
  })
  const lines = `Infohash: ${hex(1)}\r\n`
  for (const bad of [
    '',
    head,
    `${head}${lines}`,
    `${head}Port: 6881\r\n`,
    `M-SEARCH * HTTP/1.1\r\nPort: 1\r\n${lines}`,
  ]) {
    t.equal(read(bad), undefined, JSON.stringify(bad))
  }
  for (const port of ['0', '65536', '-1', '1e3', '123456', ''])
    t.equal(read(`${head}Port: ${port}\r\n${lines}`), undefined, port)
  t.equal(read(`${head}Port: 1\r\n${lines.repeat(40)}`), undefined, 'longer than 2,048 bytes')
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(100), (bytes, at) => {
      const packet = encodeLsd(4, { ...good, cookie: 'c' })
      packet.set(bytes.subarray(0, packet.length - at), at)
      const announce = decodeLsd(packet)
      return (
        !announce ||
        (announce.port > 0 &&
          announce.port < 65_536 &&
          announce.infoHashes.every(name => /^[0-9a-f]{40}$/.test(name)))
      )
    }),
  )
})

t.test('each torrent is announced every five minutes, to both groups, on each interface', async t => {
  const { clock, discovery, groups, sent, open } = setup()
  t.same(await discovery.start(), [4, 6])
  t.same(groups.sort(), [
    '239.192.152.143 192.168.1.7',
    '239.192.152.143 203.0.113.7',
    'ff15::efc0:988f ::%eth0',
  ])
  discovery.add(hash(1), 6881)
  discovery.add(hash(2), 6881)
  await clock.advance(299_000)
  t.same(sent.map(({ at, via, to }) => `${at} ${via} ${to}`).sort(), [
    '0 192.168.1.7 239.192.152.143:6771',
    '0 203.0.113.7 239.192.152.143:6771',
    '0 ::%eth0 [ff15::efc0:988f]:6771',
  ])
  t.same(decodeLsd(Buffer.from(sent[0]!.text)), { port: 6881, infoHashes: [hex(1), hex(2)], cookie: 'ours' })
  await clock.advance(1_000)
  t.equal(sent.length, 6)
  discovery.close()
  t.equal(clock.pending, 0)
  t.equal(open(), 0)
})

t.test('at most one packet a minute is sent, and every torrent gets its turn', async t => {
  const { clock, discovery, sent } = setup()
  await discovery.start()
  discovery.add(hash(1), 6881)
  await clock.advance(10_000)
  discovery.add(hash(2), 7000)
  for (let n = 3; n < 40; n++) discovery.add(hash(n), 6881)
  await clock.advance(400_000)
  const packets = sent.filter(({ via }) => via === '192.168.1.7')
  t.same(
    packets.map(({ at }) => at),
    [0, 60, 120, 180, 300, 360],
  )
  t.same(
    packets.map(({ text }) => decodeLsd(Buffer.from(text))?.infoHashes.length),
    [1, 1, 24, 13, 1, 1],
  )
  discovery.remove(hash(1))
  for (let n = 3; n < 40; n++) discovery.remove(hash(n))
  sent.length = 0
  await clock.advance(300_000)
  t.ok(
    sent.length > 0 && sent.every(({ text }) => text.includes(hex(2)) && !text.includes(hex(1))),
    'not those that left',
  )
  discovery.remove(hash(2))
  t.equal(clock.pending, 0)
  discovery.close()
})

t.test('peers of our torrents are reported, and not ourselves or peers of other torrents', async t => {
  const { discovery, found, hear, sockets } = setup()
  await discovery.start()
  discovery.add(hash(1), 6881)
  discovery.add(hash(2), 6881)
  hear('192.168.1.9', 7001, [hex(1), hex(2), hex(3)])
  hear('192.168.1.7', 6881, [hex(1)], 'ours')
  hear('2001:db8::9', 7002, [hex(2)])
  hear('203.0.113.100', 7003, [hex(1)])
  hear('203.0.113.200', 7004, [hex(1)])
  hear('198.51.100.1', 7005, [hex(1)])
  hear('fe80::1%eth0', 7006, [hex(1)])
  hear('10.0.0.1', 7007, [hex(9)])
  sockets.get('udp4')?.emit('message', Buffer.from('odd'), { address: '10.0.0.1', port: 1 })
  t.same(found, ['1 192.168.1.9:7001', '2 192.168.1.9:7001', '2 [2001:db8::9]:7002', '1 203.0.113.100:7003'])
  discovery.close()
  hear('192.168.1.9', 7008, [hex(1)])
  t.equal(found.length, 4)
})

t.test('announces for a torrent without a port are received, and it is not announced', async t => {
  const { clock, discovery, found, hear, sent } = setup()
  await discovery.start()
  discovery.add(hash(1), undefined)
  await clock.advance(600_000)
  t.same(sent, [])
  hear('192.168.1.9', 1009, [hex(1)])
  t.same(found, ['1 192.168.1.9:1009'])
  discovery.add(hash(2), 6881)
  await clock.advance(0)
  t.ok(sent.length > 0)
  t.notOk(sent.some(({ text }) => text.includes(hex(1))))
  discovery.close()
  t.equal(clock.pending, 0)
})

t.test('of a flood, two hundred packets in ten seconds are read', async t => {
  const { clock, discovery, found, hear } = setup()
  await discovery.start()
  discovery.add(hash(1), 6881)
  for (let port = 1; port <= 1_000; port++) hear('10.0.0.1', port, [hex(1)])
  t.equal(found.length, 200)
  await clock.advance(10_000)
  hear('10.0.0.1', 1, [hex(1)])
  t.equal(found.length, 201)
  discovery.close()
})

t.test(
  'a family or an interface that fails does not affect the others, and without any nothing is sent',
  async t => {
    const { clock, discovery, failing, groups, interfaces, sent } = setup({
      failing: ['udp6', '203.0.113.7'],
    })
    t.same(await discovery.start(), [4])
    discovery.add(hash(1), 6881)
    await clock.advance(0)
    t.same(
      sent.map(({ via }) => via),
      ['192.168.1.7'],
    )
    failing.pop()
    interfaces.wlan0 = [info('192.168.2.7', '192.168.2.7/24')]
    await clock.advance(300_000)
    t.same(
      sent.slice(1).map(({ via }) => via),
      ['192.168.1.7', '203.0.113.7', '192.168.2.7'],
      'what came up since as well',
    )
    t.equal(groups.length, 3)
    discovery.close()
    const mute = setup({ failing: ['udp4', 'udp6'] })
    t.same(await mute.discovery.start(), [])
    mute.discovery.add(hash(1), 6881)
    t.equal(mute.clock.pending, 0)
    mute.discovery.close()
    const hasty = setup()
    const starting = hasty.discovery.start()
    hasty.discovery.close()
    t.same(await starting, [])
    await settle()
    t.equal(hasty.open(), 0)
  },
)

t.test('addresses of the local networks are accepted, and others are not', async t => {
  const near = [
    '10.1.2.3',
    '100.64.0.1',
    '127.0.0.1',
    '169.254.9.9',
    '172.31.0.1',
    '192.168.0.1',
    '::1',
    'fd00::1',
  ]
  const farAddresses = [
    '8.8.8.8',
    '100.128.0.1',
    '172.32.0.1',
    '192.169.0.1',
    '2001:db8::1',
    'fe80::1',
    '::ffff:8.8.8.8',
    'x',
    '',
  ]
  for (const address of near) t.ok(isLocalAddress(address, []), address)
  for (const address of farAddresses)
    t.notOk(isLocalAddress(address, [info('0.0.0.0', '0.0.0.0/0')]), address)
  t.ok(isLocalAddress('203.0.113.1', [info('203.0.113.126', '203.0.113.126/25')]))
  t.notOk(isLocalAddress('203.0.113.128', [info('203.0.113.126', '203.0.113.126/25')]))
})

t.test('with one address family, the other group is neither joined nor sent to', async t => {
  for (const [family, type, targets] of [
    [4, 'udp4', ['239.192.152.143:6771']],
    [6, 'udp6', ['[ff15::efc0:988f]:6771']],
  ] as const) {
    const { clock, discovery, open, sent, sockets } = setup({ only: { family } })
    t.strictSame(await discovery.start(), [family])
    discovery.add(hash(1), 6881)
    await clock.advance(1000)
    t.strictSame([...new Set(sent.map(({ to }) => to))], targets)
    t.strictSame([...sockets.keys()], [type])
    discovery.close()
    t.equal(open(), 0)
  }
})
