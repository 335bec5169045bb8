import t, { type Test } from 'tap'
import { type PeerScript, scriptedPeer } from '../helpers/scripted-peer.ts'
import { oddTorrent, run } from '../helpers/swarm.ts'
import { VirtualClock } from '../helpers/virtual-clock.ts'

const made = oddTorrent()
const bits = (...bytes: number[]) => ({ type: 'bitfield' as const, bytes: Uint8Array.from(bytes) })

/** A download with one peer that plays by this script, and honest ones beside it if asked for. */
async function against(t: Test, script: PeerScript, { clock = new VirtualClock(), honest = 0 } = {}) {
  const peer = await scriptedPeer(t, made, script)
  const others = await Promise.all(Array.from({ length: honest }, () => scriptedPeer(t, made)))
  const peers = [peer, ...others].map(({ address }) => address)
  return { ...run(t, made, { peers, clock }), peer, clock, others, wire: await peer.connection() }
}

/** Requests that are made of a peer before it has given anything. */
const FIRST = 4

t.test('A3: who answers for another torrent is dropped, and was never a peer', async t => {
  const handshake = { infoHash: Buffer.alloc(20, 7) }
  const { wire, events, warnings, torrent } = await against(t, { handshake })
  await wire.gone()
  await torrent.close()
  t.same(events, ['started', 'warning', 'close'])
  t.match(warnings[0], /^127\.0\.0\.1:\d+: answered for another torrent, 0707/)
})

t.test('A4: who does not speak BitTorrent is dropped, with what it said', async t => {
  const { wire, warnings } = await against(t, { greet: wire => wire.raw(Buffer.alloc(68, 'HTTP/1.1 400 ')) })
  await wire.gone()
  t.match(warnings[0], /not a BitTorrent handshake: it begins with "HTTP/)
})

t.test('A8: an end after any number of bytes of the handshake is an end and nothing more', async t => {
  const clock = new VirtualClock()
  const lengths = Array.from({ length: 68 }, (_, length) => length)
  const peers = await Promise.all(
    lengths.map(length =>
      scriptedPeer(t, made, {
        greet: wire => {
          wire.socket.end(Buffer.alloc(length, '\x13BitTorrent protocol\0\0\0\0\0\0\0\0'))
        },
      }),
    ),
  )
  const { torrent, events, warnings } = run(t, made, { clock, peers: peers.map(({ address }) => address) })
  for (const peer of peers) await (await peer.connection()).gone()
  await torrent.close()
  t.same(events, ['started', 'close'])
  t.same(warnings, [])
})

t.test('A9: who never says its handshake is given up after ten seconds', async t => {
  const { wire, clock, warnings } = await against(t, { greet() {} })
  await clock.advance(9900)
  t.same(warnings, [])
  await clock.advance(600)
  await wire.gone()
  t.match(warnings[0], 'no handshake within 10 s')
})

t.test('N3: a byte now and then of a handshake does not put that off', async t => {
  const { wire, clock, warnings } = await against(t, { greet() {} })
  for (const byte of '\x13BitTorren') {
    wire.raw(Buffer.from(byte, 'latin1'))
    await clock.advance(1050)
  }
  await wire.gone()
  t.match(warnings[0], 'no handshake within 10 s')
  t.ok(clock.now() < 11_000)
})

t.test('A10, A11: we break our own silence before two minutes, and drop a silent peer after', async t => {
  const { wire, clock, disconnected, torrent } = await against(t, { has: () => false })
  if (torrent.progress.peers === 0) await new Promise(resolve => torrent.once('connected', resolve))
  await clock.advance(99_000)
  t.same(wire.all('keepAlive'), [])
  await clock.advance(2000)
  await wire.seen('keepAlive')
  t.equal(wire.closed, false)
  await clock.advance(30_000)
  await wire.gone()
  t.match(disconnected, [/silent for 130 s/])
})

t.test('A10: keep-alives keep it', async t => {
  const { wire, clock, torrent } = await against(t, { has: () => false })
  if (torrent.progress.peers === 0) await new Promise(resolve => torrent.once('connected', resolve))
  for (let minutes = 0; minutes < 10; minutes++) {
    wire.send({ type: 'keepAlive' })
    await clock.advance(60_000)
  }
  t.equal(wire.closed, false)
  t.equal(wire.all('keepAlive').length, 5)
})

t.test('A12, N6: ourselves is dropped, and never dialled again', async t => {
  const { peer, clock, warnings, events } = await against(t, {
    greet() {},
    message: (message, wire) => {
      if (message.type === 'handshake') wire.shake({ peerId: message.peerId })
    },
  })
  await (await peer.connection()).gone()
  await clock.advance(3_600_000)
  t.equal(peer.wires.length, 1)
  t.same(warnings, [], 'that is nothing to warn of')
  t.notOk(events.includes('connected'))
})

t.test(
  'A13: of two addresses with one peer id, one stays; the other is tried once more, and then rests',
  async t => {
    const peerId = Buffer.alloc(20, 'x')
    const clock = new VirtualClock()
    const peers = await Promise.all(
      [1, 2].map(() => scriptedPeer(t, made, { handshake: { peerId }, request() {} })),
    )
    const { torrent, events } = run(t, made, { clock, peers: peers.map(({ address }) => address) })
    await Promise.race(peers.map(async peer => (await peer.connection()).gone()))
    await clock.advance(3_600)
    await Promise.race(peers.map(async peer => (await peer.connection(2)).gone()))
    await clock.advance(100_000)
    t.equal(torrent.progress.peers, 1)
    t.equal(events.filter(name => name === 'connected').length, 1)
    t.equal(peers[0]!.wires.length + peers[1]!.wires.length, 3)
  },
)

t.test('A14, A16: all reserved bits set harm nobody; we set those for extensions and for fast', async t => {
  const { wire, torrent, file } = await against(t, { handshake: { reserved: Buffer.alloc(8, 0xff) } })
  await torrent.done
  t.same(await file('odd.bin'), made.content)
  const [handshake] = wire.all('handshake')
  t.same([...handshake!.reserved], [0, 0, 0, 0, 0, 0x10, 0, 0x04])
  t.equal(wire.all('extended').length, 1)
  t.equal(wire.all('haveNone').length, 1)
})

t.test(
  'A15, C1: to a plain peer we say what BEP 3 knows, and ask for nothing before the unchoke',
  async t => {
    const { wire, torrent } = await against(t, { interested() {} })
    await wire.seen('interested')
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

t.test('B2: a length that nobody means ends the connection before its bytes come', async t => {
  for (const length of [0x7fffffff, 0xffffffff]) {
    const head = Buffer.alloc(5, 5)
    head.writeUInt32BE(length)
    const { wire, warnings } = await against(t, {
      greet: wire => {
        wire.greet()
        wire.raw(head)
      },
    })
    await wire.gone()
    t.match(warnings[0], `message 5 of ${length} bytes`)
  }
})

t.test('C2, C3: we say interested once, and not interested when there is no more to have', async t => {
  const { wire, torrent } = await against(t, { has: index => index < 10 }, { honest: 0 })
  await wire.seen('notInterested')
  t.equal(wire.all('interested').length, 1)
  wire.send({ type: 'have', index: 10 })
  await torrent.done
  await wire.seen('notInterested', 2)
  t.equal(wire.all('interested').length, 2)
})

t.test('C3: who has nothing that we lack hears no interest, only of what we have', async t => {
  const { wire, torrent } = await against(t, { has: () => false }, { honest: 1 })
  await torrent.done
  await wire.seen('have', 11)
  await torrent.close()
  await wire.gone()
  t.same(wire.types, ['handshake', ...Array(11).fill('have')])
})

t.test('C4: what is lost by a choke is asked for again after the unchoke', async t => {
  const { wire, torrent, peer, file } = await against(t, {
    request: (block, wire, n) => {
      if (n >= FIRST) wire.serve(block)
      else if (n === FIRST - 1) wire.send({ type: 'choke' }, { type: 'unchoke' })
    },
  })
  await torrent.done
  t.same(await file('odd.bin'), made.content)
  t.equal(peer.requests.length, FIRST + 32)
  t.equal(wire.closed, false)
})

t.test('C4: a choked peer’s share comes from another one, at once', async t => {
  const choking: PeerScript = {
    request: (_, wire, n) => {
      if (n === FIRST - 1) wire.send({ type: 'choke' })
    },
  }
  const { torrent, file, clock } = await against(t, choking, { honest: 1 })
  await torrent.done
  t.same(await file('odd.bin'), made.content)
  t.ok(clock.now() < 1, 'no time limit had to pass')
})

t.test('C6: a thousand chokes and unchokes do no harm', async t => {
  const { torrent, file } = await against(t, {
    request: (block, wire, n) => {
      if (n >= 1000 * FIRST) wire.serve(block)
      else if (n % FIRST === FIRST - 1) wire.send({ type: 'choke' }, { type: 'unchoke' })
    },
  })
  await torrent.done
  t.same(await file('odd.bin'), made.content)
})

t.test('C7: a peer that closes gives its requests back at once', async t => {
  let asked = 0
  const { torrent, file, disconnected, clock } = await against(
    t,
    {
      request: (_, wire) => {
        if (++asked === FIRST) wire.socket.end()
      },
    },
    { honest: 1 },
  )
  await torrent.done
  t.same(await file('odd.bin'), made.content)
  t.same(disconnected, ['closed by the peer'])
  t.ok(clock.now() < 1, 'no time limit had to pass')
})

t.test('D1, D2: a bitfield of the wrong length, or with spare bits, ends the connection', async t => {
  for (const [message, reason] of [
    [bits(0xff), /bitfield of 1 bytes, expected 2 for 11 pieces/],
    [bits(0xff, 0xe0, 0), /bitfield of 3 bytes, expected 2 for 11 pieces/],
    [bits(0xff, 0xf0), /spare bits/],
  ] as const) {
    const { wire, disconnected, warnings } = await against(t, {
      greet: wire => {
        wire.shake()
        wire.send(message)
      },
    })
    await wire.gone()
    t.match(disconnected, [reason])
    t.match(warnings, [reason])
  }
})

t.test('D3: a bitfield that grows counts as its last', async t => {
  const { torrent, file, wire } = await against(t, {
    greet: wire => {
      wire.shake()
      wire.send(bits(0x80, 0), bits(0xf0, 0), bits(0, 0), bits(0xff, 0xe0))
    },
  })
  await torrent.done
  t.same(await file('odd.bin'), made.content)
  t.equal(wire.closed, false)
})

t.test('D5, D6: haves will do without a bitfield, and twice is once', async t => {
  const { torrent, file, peer } = await against(t, {
    greet: wire => {
      wire.shake()
      wire.send({ type: 'unchoke' })
      for (const index of [3, 3, 10, 0, 1, 2, 4, 5, 6, 7, 8, 9, 9, 9]) wire.send({ type: 'have', index })
    },
  })
  await torrent.done
  t.same(await file('odd.bin'), made.content)
  t.equal(peer.requests.length, 32)
})

t.test('D7: a have of what cannot be ends the connection', async t => {
  for (const index of [11, 0x7fffffff, 0xffffffff]) {
    const { wire, warnings } = await against(t, {
      greet: wire => {
        wire.greet()
        wire.send({ type: 'have', index })
      },
    })
    await wire.gone()
    t.match(warnings[0], `have ${index} of a torrent of 11 pieces`)
  }
})

t.test('F2, F7: while we have nothing, requests get nothing, and the download goes on', async t => {
  const { torrent, wire, file } = await against(t, {
    interested: wire => {
      for (let n = 0; n < 500; n++) wire.send({ type: 'request', index: n % 10, begin: 0, length: 16384 })
      wire.send({ type: 'cancel', index: 0, begin: 0, length: 1 })
      wire.send({ type: 'port', port: 0 }, { type: 'unknown', id: 99 }, { type: 'unchoke' })
    },
  })
  await torrent.done
  t.same(await file('odd.bin'), made.content)
  t.same(wire.all('piece'), [])
  t.equal(wire.closed, false)
})

t.test('G12: no more requests are under way than the peer says it takes', async t => {
  let owed = 0
  let most = 0
  const { torrent, file } = await against(t, {
    greet: wire => {
      wire.shake({ reserved: Uint8Array.from([0, 0, 0, 0, 0, 0x10, 0, 0]) })
      wire.send({ type: 'extended', id: 0, payload: Buffer.from('d4:reqqi3e1:v4:liare') })
      wire.send(bits(0xff, 0xe0))
    },
    request: (block, wire) => {
      most = Math.max(most, ++owed)
      setImmediate(() => {
        owed--
        wire.serve(block)
      })
    },
  })
  await torrent.done
  t.same(await file('odd.bin'), made.content)
  t.ok(most >= 2 && most <= 3, String(most))
})

t.test('H3: an extended handshake that is none says nothing', async t => {
  for (const payload of ['', 'x', 'd', 'le', 'd1:v3:\xff\xff\xff4:reqqi-1ee', 'i'.padEnd(1000, '9')]) {
    const { torrent, file } = await against(t, {
      greet: wire => {
        wire.shake({ reserved: Uint8Array.from([0, 0, 0, 0, 0, 0x10, 0, 0]) })
        wire.send({ type: 'extended', id: 0, payload: Buffer.from(payload, 'latin1') })
        wire.send(bits(0xff, 0xe0))
      },
    })
    await torrent.done
    t.same(await file('odd.bin'), made.content)
  }
})

t.test('N2: who closes each connection is dialled ever less often', async t => {
  const { peer, clock, torrent } = await against(t, { greet: wire => wire.socket.end() })
  for (let minutes = 0; minutes < 60; minutes++) {
    for (const wire of peer.wires) await wire.gone()
    await clock.advance(60_000)
  }
  t.ok(peer.wires.length > 5 && peer.wires.length < 20, `${peer.wires.length} connections in an hour`)
  await torrent.close()
  t.equal(clock.pending, 0)
})

t.test('N4: a hundred thousand times the same have: nothing grows, nobody waits', async t => {
  const { torrent, file } = await against(
    t,
    {
      greet: wire => {
        wire.greet({ has: () => false })
        wire.raw(Buffer.alloc(900_000, Buffer.from('000000050400000003', 'hex')))
      },
    },
    { honest: 1 },
  )
  await torrent.done
  t.same(await file('odd.bin'), made.content)
})

t.test('N5: a reset at any stage ends that connection and nothing else', async t => {
  const resets: PeerScript[] = [
    { greet: wire => wire.socket.resetAndDestroy() },
    { message: (message, wire) => message.type === 'handshake' && wire.socket.resetAndDestroy() },
    { interested: wire => wire.socket.resetAndDestroy() },
    { request: (_, wire) => wire.socket.resetAndDestroy() },
    {
      request: (block, wire) => {
        wire.raw(Buffer.from('0000400907', 'hex'))
        wire.raw(Buffer.alloc(4 + 4 + 100, block.index))
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

t.test('a peer that nobody listens at is a warning, once for each attempt', async t => {
  const peer = await scriptedPeer(t, made)
  await peer.close()
  const clock = new VirtualClock()
  const { torrent, warnings } = run(t, made, { peers: [peer.address], clock })
  await new Promise(resolve => torrent.once('warning', resolve))
  t.match(warnings, [/^127\.0\.0\.1:\d+: connect ECONNREFUSED/])
})

t.test('never more than 32 connections wait for a handshake, nor more than maxPeers in all', async t => {
  const silent = await Promise.all(Array.from({ length: 40 }, () => scriptedPeer(t, made, { greet() {} })))
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
