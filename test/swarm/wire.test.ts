import t, { type Test } from 'tap'
import { type PeerScript, scriptedPeer } from '../helpers/scripted-peer.ts'
import { oddTorrent, run } from '../helpers/swarm.ts'
import { VirtualClock } from '../helpers/virtual-clock.ts'

const made = oddTorrent()
const bits = (...bytes: number[]) => ({ type: 'bitfield' as const, bytes: Uint8Array.from(bytes) })

/** Starts a download with one peer with this script, and optional honest peers. */
async function against(t: Test, script: PeerScript, { clock = new VirtualClock(), honest = 0 } = {}) {
  const peer = await scriptedPeer(t, made, script)
  const others = await Promise.all(Array.from({ length: honest }, () => scriptedPeer(t, made)))
  const peers = [peer, ...others].map(({ address }) => address)
  return { ...run(t, made, { peers, clock }), peer, clock, others, wire: await peer.connection() }
}

/** The requests that a peer gets before it has sent data. */
const FIRST_BYTES = 4

t.test('a peer that answers with another info-hash is dropped, and never counted as a peer', async t => {
  const handshake = { infoHash: Buffer.alloc(20, 7) }
  const { wire, events, warnings, torrent } = await against(t, { handshake })
  await wire.waitForEnd()
  await torrent.close()
  t.same(events, ['started', 'warning', 'close'])
  t.match(warnings[0], /^127\.0\.0\.1:\d+: answered for another torrent, 0707/)
})

t.test('a peer that does not speak BitTorrent is dropped, with its first bytes in the warning', async t => {
  const { wire, warnings } = await against(t, {
    sendGreeting: wire => wire.sendBytes(Buffer.alloc(68, 'HTTP/1.1 400 ')),
  })
  await wire.waitForEnd()
  t.match(warnings[0], /not a BitTorrent handshake: it begins with "HTTP/)
})

t.test('an end within the handshake ends the connection and nothing else', async t => {
  const clock = new VirtualClock()
  const lengths = Array.from({ length: 68 }, (_, length) => length)
  const peers = await Promise.all(
    lengths.map(length =>
      scriptedPeer(t, made, {
        sendGreeting: wire => {
          wire.socket.end(Buffer.alloc(length, '\x13BitTorrent protocol\0\0\0\0\0\0\0\0'))
        },
      }),
    ),
  )
  const { torrent, events, warnings } = run(t, made, { clock, peers: peers.map(({ address }) => address) })
  for (const peer of peers) await (await peer.connection()).waitForEnd()
  await torrent.close()
  t.same(events, ['started', 'close'])
  t.same(warnings, [])
})

t.test('a peer that sends no handshake is given up after ten seconds', async t => {
  const { wire, clock, warnings } = await against(t, { sendGreeting() {} })
  await clock.advance(9900)
  t.same(warnings, [])
  await clock.advance(600)
  await wire.waitForEnd()
  t.match(warnings[0], 'no handshake within 10 s')
})

t.test('single bytes of a handshake do not extend that time', async t => {
  const { wire, clock, warnings } = await against(t, { sendGreeting() {} })
  for (const byte of '\x13BitTorren') {
    wire.sendBytes(Buffer.from(byte, 'latin1'))
    await clock.advance(1050)
  }
  await wire.waitForEnd()
  t.match(warnings[0], 'no handshake within 10 s')
  t.ok(clock.now() < 11_000)
})

t.test('a keep-alive is sent within two minutes, and a silent peer is dropped after its limit', async t => {
  const { wire, clock, disconnected, torrent } = await against(t, { has: () => false })
  if (torrent.progress.peers === 0) await new Promise(resolve => torrent.once('connected', resolve))
  await clock.advance(99_000)
  t.same(wire.messagesOf('keepAlive'), [])
  await clock.advance(2000)
  await wire.waitForMessages('keepAlive')
  t.equal(wire.closed, false)
  await clock.advance(30_000)
  await wire.waitForEnd()
  t.match(disconnected, [/silent for 130 s/])
})

t.test('keep-alives keep a connection open', async t => {
  const { wire, clock, torrent } = await against(t, { has: () => false })
  if (torrent.progress.peers === 0) await new Promise(resolve => torrent.once('connected', resolve))
  for (let minutes = 0; minutes < 10; minutes++) {
    wire.send({ type: 'keepAlive' })
    await clock.advance(60_000)
  }
  t.equal(wire.closed, false)
  t.equal(wire.messagesOf('keepAlive').length, 5)
})

t.test('a connection to ourselves is dropped, and the address never dialled again', async t => {
  const { peer, clock, warnings, events } = await against(t, {
    sendGreeting() {},
    message: (message, wire) => {
      if (message.type === 'handshake') wire.sendHandshake({ peerId: message.peerId })
    },
  })
  await (await peer.connection()).waitForEnd()
  await clock.advance(3_600_000)
  t.equal(peer.wires.length, 1)
  t.same(warnings, [], 'that is nothing to warn of')
  t.notOk(events.includes('connected'))
})

t.test(
  'of two addresses with one peer id one stays; the other is tried once more and then rests',
  async t => {
    const peerId = Buffer.alloc(20, 'x')
    const clock = new VirtualClock()
    const peers = await Promise.all(
      [1, 2].map(() => scriptedPeer(t, made, { handshake: { peerId }, request() {} })),
    )
    const { torrent, events } = run(t, made, { clock, peers: peers.map(({ address }) => address) })
    await Promise.race(peers.map(async peer => (await peer.connection()).waitForEnd()))
    await clock.advance(3_600)
    await Promise.race(peers.map(async peer => (await peer.connection(2)).waitForEnd()))
    await clock.advance(100_000)
    t.equal(torrent.progress.peers, 1)
    t.equal(events.filter(name => name === 'connected').length, 1)
    t.equal(peers[0]!.wires.length + peers[1]!.wires.length, 3)
  },
)

t.test(
  'all reserved bits set cause no error; we set those of the extension protocol and the fast extension',
  async t => {
    const { wire, torrent, file } = await against(t, { handshake: { reserved: Buffer.alloc(8, 0xff) } })
    await torrent.done
    t.same(await file('odd.bin'), made.content)
    const [handshake] = wire.messagesOf('handshake')
    t.same([...handshake!.reserved], [0, 0, 0, 0, 0, 0x10, 0, 0x04])
    t.equal(wire.messagesOf('extended').length, 1)
    t.equal(wire.messagesOf('haveNone').length, 1)
  },
)

t.test(
  'without extensions we send only messages of BEP 3, and request nothing before the unchoke',
  async t => {
    const { wire, torrent } = await against(t, { interested() {} })
    await wire.waitForMessages('interested')
    wire.send({ type: 'keepAlive' }, { type: 'choke' }, { type: 'have', index: 0 })
    await new Promise(resolve => setImmediate(resolve))
    t.same(
      wire.received.map(({ type }) => type),
      ['handshake', 'interested'],
    )
    wire.send({ type: 'unchoke' })
    await torrent.done
  },
)

t.test('an invalid length ends the connection before its bytes come', async t => {
  for (const length of [0x7fffffff, 0xffffffff]) {
    const head = Buffer.alloc(5, 5)
    head.writeUInt32BE(length)
    const { wire, warnings } = await against(t, {
      sendGreeting: wire => {
        wire.sendGreeting()
        wire.sendBytes(head)
      },
    })
    await wire.waitForEnd()
    t.match(warnings[0], `message 5 of ${length} bytes`)
  }
})

t.test('interested is sent once, and not interested when the peer has nothing more for us', async t => {
  const { wire, torrent } = await against(t, { has: index => index < 10 }, { honest: 0 })
  await wire.waitForMessages('notInterested')
  t.equal(wire.messagesOf('interested').length, 1)
  wire.send({ type: 'have', index: 10 })
  await torrent.done
  await wire.waitForMessages('notInterested', 2)
  t.equal(wire.messagesOf('interested').length, 2)
})

t.test('a peer without any piece that we lack is sent haves and no interest', async t => {
  const { wire, torrent } = await against(t, { has: () => false }, { honest: 1 })
  await torrent.done
  await wire.waitForMessages('have', 11)
  await torrent.close()
  await wire.waitForEnd()
  t.same(wire.types, ['handshake', ...Array(11).fill('have')])
})

t.test('requests that a choke discards are sent again after the unchoke', async t => {
  const { wire, torrent, peer, file } = await against(t, {
    request: (block, wire, n) => {
      if (n >= FIRST_BYTES) wire.sendBlock(block)
      else if (n === FIRST_BYTES - 1) wire.send({ type: 'choke' }, { type: 'unchoke' })
    },
  })
  await torrent.done
  t.same(await file('odd.bin'), made.content)
  t.equal(peer.requests.length, FIRST_BYTES + 32)
  t.equal(wire.closed, false)
})

t.test('the requests of a choked peer go to another one at once', async t => {
  const choking: PeerScript = {
    request: (_, wire, n) => {
      if (n === FIRST_BYTES - 1) wire.send({ type: 'choke' })
    },
  }
  const { torrent, file, clock } = await against(t, choking, { honest: 1 })
  await torrent.done
  t.same(await file('odd.bin'), made.content)
  t.ok(clock.now() < 1, 'no time limit had to pass')
})

t.test('a thousand chokes and unchokes cause no error', async t => {
  const { torrent, file } = await against(t, {
    request: (block, wire, n) => {
      if (n >= 1000 * FIRST_BYTES) wire.sendBlock(block)
      else if (n % FIRST_BYTES === FIRST_BYTES - 1) wire.send({ type: 'choke' }, { type: 'unchoke' })
    },
  })
  await torrent.done
  t.same(await file('odd.bin'), made.content)
})

t.test('a peer that closes returns its requests at once', async t => {
  let asked = 0
  const { torrent, file, disconnected, clock } = await against(
    t,
    {
      request: (_, wire) => {
        if (++asked === FIRST_BYTES) wire.socket.end()
      },
    },
    { honest: 1 },
  )
  await torrent.done
  t.same(await file('odd.bin'), made.content)
  t.same(disconnected, ['closed by the peer'])
  t.ok(clock.now() < 1, 'no time limit had to pass')
})

t.test('a bitfield of a wrong length or with spare bits ends the connection', async t => {
  for (const [message, reason] of [
    [bits(0xff), /bitfield of 1 bytes, expected 2 for 11 pieces/],
    [bits(0xff, 0xe0, 0), /bitfield of 3 bytes, expected 2 for 11 pieces/],
    [bits(0xff, 0xf0), /spare bits/],
  ] as const) {
    const { wire, disconnected, warnings } = await against(t, {
      sendGreeting: wire => {
        wire.sendHandshake()
        wire.send(message)
      },
    })
    await wire.waitForEnd()
    t.match(disconnected, [reason])
    t.match(warnings, [reason])
  }
})

t.test('the last of several growing bitfields counts', async t => {
  const { torrent, file, wire } = await against(t, {
    sendGreeting: wire => {
      wire.sendHandshake()
      wire.send(bits(0x80, 0), bits(0xf0, 0), bits(0, 0), bits(0xff, 0xe0))
    },
  })
  await torrent.done
  t.same(await file('odd.bin'), made.content)
  t.equal(wire.closed, false)
})

t.test('haves are enough without a bitfield, and duplicates count once', async t => {
  const { torrent, file, peer } = await against(t, {
    sendGreeting: wire => {
      wire.sendHandshake()
      wire.send({ type: 'unchoke' })
      for (const index of [3, 3, 10, 0, 1, 2, 4, 5, 6, 7, 8, 9, 9, 9]) wire.send({ type: 'have', index })
    },
  })
  await torrent.done
  t.same(await file('odd.bin'), made.content)
  t.equal(peer.requests.length, 32)
})

t.test('an invalid have ends the connection', async t => {
  for (const index of [11, 0x7fffffff, 0xffffffff]) {
    const { wire, warnings } = await against(t, {
      sendGreeting: wire => {
        wire.sendGreeting()
        wire.send({ type: 'have', index })
      },
    })
    await wire.waitForEnd()
    t.match(warnings[0], `have ${index} of a torrent of 11 pieces`)
  }
})

t.test('while we have nothing, requests get no data, and the download continues', async t => {
  const hashes = { root: Buffer.alloc(32), base: 0, index: 0, length: 2, proofLayers: 0 }
  const { torrent, wire, file } = await against(t, {
    interested: wire => {
      // hashes of a v1 torrent, and an extension that was not announced, to a peer without the extension protocol
      wire.send({ type: 'hashRequest', ...hashes }, { type: 'hashReject', ...hashes })
      for (const id of [1, 99]) wire.send({ type: 'extended', id, payload: Buffer.from('de') })
      for (let n = 0; n < 500; n++) wire.send({ type: 'request', index: n % 10, begin: 0, length: 16384 })
      wire.send({ type: 'cancel', index: 0, begin: 0, length: 1 })
      wire.send({ type: 'port', port: 0 }, { type: 'unknown', id: 99 }, { type: 'unchoke' })
    },
  })
  await torrent.done
  t.same(await file('odd.bin'), made.content)
  t.same(wire.messagesOf('piece'), [])
  t.equal(wire.closed, false)
})

t.test('no more requests are in flight than the peer accepts', async t => {
  let pending = 0
  let maximum = 0
  const { torrent, file } = await against(t, {
    sendGreeting: wire => {
      wire.sendHandshake({ reserved: Uint8Array.from([0, 0, 0, 0, 0, 0x10, 0, 0]) })
      wire.send({ type: 'extended', id: 0, payload: Buffer.from('d4:reqqi3e1:v4:liare') })
      wire.send(bits(0xff, 0xe0))
    },
    request: (block, wire) => {
      maximum = Math.max(maximum, ++pending)
      setImmediate(() => {
        pending--
        wire.sendBlock(block)
      })
    },
  })
  await torrent.done
  t.same(await file('odd.bin'), made.content)
  t.ok(maximum >= 2 && maximum <= 3, String(maximum))
})

t.test('an invalid extended handshake is ignored', async t => {
  for (const payload of ['', 'x', 'd', 'le', 'd1:v3:\xff\xff\xff4:reqqi-1ee', 'i'.padEnd(1000, '9')]) {
    const { torrent, file } = await against(t, {
      sendGreeting: wire => {
        wire.sendHandshake({ reserved: Uint8Array.from([0, 0, 0, 0, 0, 0x10, 0, 0]) })
        wire.send({ type: 'extended', id: 0, payload: Buffer.from(payload, 'latin1') })
        wire.send(bits(0xff, 0xe0))
      },
    })
    await torrent.done
    t.same(await file('odd.bin'), made.content)
  }
})

t.test('a peer that closes each connection is dialled less and less often', async t => {
  const { peer, clock, torrent } = await against(t, { sendGreeting: wire => wire.socket.end() })
  for (let minutes = 0; minutes < 60; minutes++) {
    for (const wire of peer.wires) await wire.waitForEnd()
    await clock.advance(60_000)
  }
  t.ok(peer.wires.length > 5 && peer.wires.length < 20, `${peer.wires.length} connections in an hour`)
  await torrent.close()
  t.equal(clock.pending, 0)
})

t.test('a hundred thousand equal haves use no memory and delay nothing', async t => {
  const { torrent, file } = await against(
    t,
    {
      sendGreeting: wire => {
        wire.sendGreeting({ has: () => false })
        wire.sendBytes(Buffer.alloc(900_000, Buffer.from('000000050400000003', 'hex')))
      },
    },
    { honest: 1 },
  )
  await torrent.done
  t.same(await file('odd.bin'), made.content)
})

t.test('a reset at any stage ends that connection and nothing else', async t => {
  const resets: PeerScript[] = [
    { sendGreeting: wire => wire.socket.resetAndDestroy() },
    { message: (message, wire) => message.type === 'handshake' && wire.socket.resetAndDestroy() },
    { interested: wire => wire.socket.resetAndDestroy() },
    { request: (_, wire) => wire.socket.resetAndDestroy() },
    {
      request: (block, wire) => {
        wire.sendBytes(Buffer.from('0000400907', 'hex'))
        wire.sendBytes(Buffer.alloc(4 + 4 + 100, block.index))
        wire.socket.resetAndDestroy()
      },
    },
  ]
  for (const script of resets) {
    const { torrent, file } = await against(t, script, { honest: 1 })
    await torrent.done
    t.same(await file('odd.bin'), made.content)
    await torrent.close()
  }
})

t.test('a refused connection is one warning for each attempt', async t => {
  const peer = await scriptedPeer(t, made)
  await peer.close()
  const clock = new VirtualClock()
  const { torrent, warnings } = run(t, made, { peers: [peer.address], clock })
  await new Promise(resolve => torrent.once('warning', resolve))
  t.match(warnings, [/^127\.0\.0\.1:\d+: connect ECONNREFUSED/])
})

t.test('at most 32 connections wait for a handshake, and at most maxPeers are open', async t => {
  const silent = await Promise.all(
    Array.from({ length: 40 }, () => scriptedPeer(t, made, { sendGreeting() {} })),
  )
  const clock = new VirtualClock()
  const { torrent } = run(t, made, { peers: silent.map(({ address }) => address), clock })
  await Promise.all(silent.slice(0, 32).map(peer => peer.connection()))
  await clock.advance(5000)
  t.equal(silent.filter(peer => peer.wires.length > 0).length, 32)
  await clock.advance(6000)
  await Promise.all(silent.map(peer => peer.connection()))
  await torrent.close()
  const few = run(t, made, { peers: silent.map(({ address }) => address), clock, maxPeers: 3 })
  const before = silent.reduce((sum, peer) => sum + peer.wires.length, 0)
  await Promise.all(silent.slice(0, 3).map(peer => peer.connection(2)))
  await clock.advance(5000)
  t.equal(silent.reduce((sum, peer) => sum + peer.wires.length, 0) - before, 3)
  await few.torrent.close()
})
