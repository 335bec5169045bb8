import type net from 'node:net'
import t from 'tap'
import { PeerSocket } from '../../src/streams/peer/peer-socket.ts'
import { generator } from '../helpers/feed.ts'
import { noise } from '../helpers/metainfo.ts'
import { RANDOM_SEED } from '../helpers/random-seed.ts'
import { Heap } from '../helpers/simulation/heap.ts'
import type { Host } from '../helpers/simulation/host.ts'
import { SimulatedNetwork } from '../helpers/simulation/network.ts'
import { VirtualClock } from '../helpers/virtual-clock.ts'

const MiB = 1 << 20
const PEER_PORT = 6881

function simulate(seed = RANDOM_SEED) {
  const clock = new VirtualClock({ patience: 20_000 })
  return { clock, network: new SimulatedNetwork({ clock, random: generator(seed) }) }
}

/** Records the events of a socket in order, and the bytes that it read. */
function watch(socket: net.Socket) {
  const seen = { events: [] as string[], chunks: [] as Buffer[], length: 0, error: '' }
  for (const event of ['connect', 'end', 'finish', 'error', 'close']) {
    socket.on(event, () => seen.events.push(event))
  }
  socket.on('error', (error: NodeJS.ErrnoException) => {
    seen.error = `${error.syscall} ${error.code}`
  })
  return seen
}

function read(socket: net.Socket) {
  const seen = watch(socket)
  socket.on('data', chunk => {
    seen.chunks.push(chunk)
    seen.length += chunk.length
  })
  return seen
}

const dialTo = (from: Host, to: Host) => from.connect({ host: to.address, port: PEER_PORT })

/** Connects `a` to `b`. */
async function pair(clock: VirtualClock, a: Host, b: Host) {
  const accepted: net.Socket[] = []
  const server = b.createServer(socket => accepted.push(socket)).listen({ port: PEER_PORT })
  const dialled = dialTo(a, b)
  await clock.run({ until: () => !dialled.connecting && accepted.length > 0 })
  return { server, dialled, accepted: accepted[0]! }
}

t.test('timers run in order of time, and simultaneous ones in the order in which they were set', async t => {
  const clock = new VirtualClock()
  const random = generator(RANDOM_SEED)
  const ran: number[][] = []
  const timers = Array.from({ length: 500 }, (_, index) => {
    const at = Math.floor(random() * 50)
    return { index, at, timer: clock.setTimeout(() => ran.push([clock.now(), index]), at) }
  })
  const kept = timers.filter(() => random() < 0.5)
  for (const removed of timers) if (!kept.includes(removed)) clock.clearTimeout(removed.timer)
  t.equal(clock.pending, kept.length)
  await clock.run()
  t.same(
    ran,
    kept.toSorted((a, b) => a.at - b.at || a.index - b.index).map(({ at, index }) => [at, index]),
    `SEED=${RANDOM_SEED}`,
  )
  t.equal(clock.pending, 0)
})

t.test('a heap keeps its order when random elements are removed', async t => {
  const random = generator(RANDOM_SEED)
  const heap = new Heap<{ at: number; order: number; slot: number }>()
  const items = Array.from({ length: 2000 }, (_, order) => ({
    at: Math.floor(random() * 99),
    order,
    slot: -1,
  }))
  for (const item of items) heap.push(item)
  const left = items.filter(item => random() < 0.5 || heap.remove(item))
  const popped = Array.from({ length: heap.size }, () => heap.pop())
  t.same(
    popped,
    left.toSorted((a, b) => a.at - b.at || a.order - b.order),
    `SEED=${RANDOM_SEED}`,
  )
})

t.test('time does not advance while promises and turns of the loop are pending', async t => {
  const clock = new VirtualClock()
  const steps: number[] = []
  clock.setTimeout(async () => {
    for (let step = 0; step < 50; step++) await null
    steps.push(clock.now())
    clock.setTimeout(() => setImmediate(() => steps.push(clock.now())), 0)
  }, 10)
  clock.setTimeout(() => steps.push(clock.now()), 10.5)
  await clock.run({ for: 60_000 })
  t.same(steps, [10, 10, 10.5])
  t.equal(clock.now(), 60_000)
})

t.test('a run that cannot end reports it', async t => {
  const clock = new VirtualClock({ patience: 300 })
  await t.rejects(clock.run({ until: () => false }), /no timer is left at 0 virtual ms/)
  await t.rejects(clock.run({ until: () => false, for: 5 }), /no timer is left/)
  const again = () => clock.setTimeout(again, 1)
  again()
  await t.rejects(clock.run({ until: () => clock.now() > 5, for: 5 }), /time given to it has passed/)
  await t.rejects(clock.run(), /300 ms of CPU time have passed/)
  const still = () => clock.setTimeout(still, 0)
  still()
  await t.rejects(clock.run({ for: 1 }), /300 ms of CPU time have passed/)
  const first = clock.run({ for: 1 })
  await t.rejects(clock.run(), /already running/)
  await t.rejects(first, /CPU time/)
  t.throws(() => clock.setTimeout(() => {}, Number.NaN), /ms is NaN/)
})

t.test('a virtual hour of 200 peers with timers takes less CPU time than the limit of a run', async t => {
  const clock = new VirtualClock()
  let ticks = 0
  for (let peer = 0; peer < 200; peer++) {
    const tick = () => {
      ticks++
      clock.setTimeout(tick, 10_000)
    }
    clock.setTimeout(tick, peer + 1)
  }
  await clock.run({ for: 3_600_000 })
  t.equal(ticks, 200 * 360)
})

t.test('bytes arrive whole and in order in both directions, however they are cut', async t => {
  for (let seed = RANDOM_SEED; seed < RANDOM_SEED + 10; seed++) {
    const { clock, network } = simulate(seed)
    const random = generator(seed)
    const a = network.host('10.0.0.1', { up: MiB, latency: 20 })
    const b = network.host('10.0.0.2', { down: MiB / 2, latency: 60 })
    const { dialled, accepted, server } = await pair(clock, a, b)
    for (const [host, from, to] of [
      [a, dialled, accepted],
      [b, accepted, dialled],
    ] as const) {
      const seen = read(to)
      const sent: Buffer[] = []
      for (let count = 0; count < 200; count++) {
        const bytes = Buffer.from(noise(Math.floor(random() ** 4 * 60_000), seed * 1000 + count))
        sent.push(Buffer.from(bytes))
        if (random() < 0.2) from.cork()
        from.write(bytes, () => bytes.fill(0)) // the memory may be used for something else now
        if (random() < 0.5) from.uncork()
      }
      while (from.writableCorked) from.uncork()
      const whole = Buffer.concat(sent)
      await clock.run({ until: () => seen.length === whole.length })
      t.ok(Buffer.concat(seen.chunks).equals(whole), `SEED=${seed}`)
      t.equal(host.sent, whole.length)
    }
    dialled.end()
    server.close()
    await clock.run()
    t.equal(network.open, 0)
    t.equal(a.sentTo.get('10.0.0.2'), a.sent)
    t.equal(b.sentTo.get('10.0.0.1'), b.sent)
  }
})

t.test('the same seed gives the same run, and another seed another run', async t => {
  const story = async (seed: number) => {
    const { clock, network } = simulate(seed)
    const hub = network.host('10.0.1.0', { down: 3 * MiB, latency: 10 })
    const lines: string[] = []
    hub
      .createServer(socket => {
        socket.on('data', bytes => lines.push(`${clock.now()} ${socket.remoteAddress} ${bytes.length}`))
      })
      .listen({ port: PEER_PORT })
    for (let peer = 1; peer < 20; peer++) {
      const host = network.host(`10.0.0.${peer}`, { up: peer * 65536, latency: peer })
      dialTo(host, hub).end(Buffer.alloc(100_000))
    }
    await clock.run()
    t.equal(network.open, 0)
    return lines
  }
  const once = await story(RANDOM_SEED)
  t.same(await story(RANDOM_SEED), once)
  t.not((await story(RANDOM_SEED + 1)).join(), once.join())
})

t.test(
  'flows share a link equally, whatever the size of their messages and the speed of the other ends',
  async t => {
    const both = async (direction: 'up' | 'down') => {
      const { clock, network } = simulate()
      const hub = network.host('10.0.1.0', { [direction]: MiB })
      const ends = [1, 2].map(peer => network.host(`10.0.0.${peer}`, { latency: peer * 20 }))
      const totals = [0, 0]
      for (const [index, end] of ends.entries()) {
        const [from, to] = direction === 'up' ? [hub, end] : [end, hub]
        const { dialled, accepted, server } = await pair(clock, from, to)
        server.close()
        accepted.on('data', bytes => {
          totals[index]! += bytes.length
        })
        // one writes small messages, each after the last has left, and the other writes everything at once
        const more = () => dialled.write(Buffer.alloc(index === 0 ? 16_397 : 500_000), more)
        more()
      }
      await clock.run({ for: 2000 })
      const before = [...totals]
      await clock.run({ for: 20_000 })
      return totals.map((total, index) => (total - before[index]!) / 20 / MiB)
    }
    for (const direction of ['up', 'down'] as const) {
      const [first, second] = (await both(direction)) as [number, number]
      t.ok(Math.abs(first - second) < 0.05 * 0.5, `${direction}: ${first} and ${second} of 1`)
      t.ok(Math.abs(first + second - 1) < 0.01, `${direction}: ${first + second} of 1`)
    }
  },
)

t.test('the one-way latency is half the latency of each host', async t => {
  const { clock, network } = simulate()
  const a = network.host('10.0.0.1', { latency: 100 })
  const b = network.host('10.0.0.2', { latency: 40 })
  const times: number[] = []
  b.createServer(socket => {
    times.push(clock.now())
    socket.on('data', () => times.push(clock.now()))
  }).listen({ port: PEER_PORT })
  const dialled = dialTo(a, b)
  dialled.on('connect', () => times.push(clock.now()))
  dialled.write('early')
  t.ok(dialled.connecting)
  await clock.run()
  t.same(times, [70, 140, 210])
})

t.test('a reader that pauses stops its sender, and memory stays bounded', async t => {
  const { clock, network } = simulate()
  const a = network.host('10.0.0.1')
  const b = network.host('10.0.0.2')
  const { dialled, accepted } = await pair(clock, a, b)
  accepted.pause()
  let written = 0
  let drained = 0
  const fill = () => {
    while (written < 10 * MiB && dialled.write(Buffer.alloc(16_384))) written += 16_384
  }
  dialled.on('drain', () => {
    drained++
    fill()
  })
  fill()
  await clock.run({ for: 60_000 })
  t.ok(written < 512 * 1024, `${written} written`)
  // the buffer of the system, and that of the stream
  t.ok(a.sent <= (256 + 64 + 16) * 1024, `${a.sent} sent`)
  const before = drained
  const seen = read(accepted)
  accepted.resume()
  await clock.run({ until: () => seen.length >= 10 * MiB })
  t.ok(drained > before)
})

t.test('onread reads into the given memory, and false stops it until resume', async t => {
  const { clock, network } = simulate()
  const a = network.host('10.0.0.1')
  const b = network.host('10.0.0.2')
  const sent = Buffer.from(noise(MiB, 5))
  b.createServer(socket => socket.end(sent)).listen({ port: PEER_PORT })
  const buffers = [Buffer.alloc(5000), Buffer.alloc(700)]
  const got: Buffer[] = []
  let asked = 0
  const dialled = a.connect({
    host: '10.0.0.2',
    port: PEER_PORT,
    onread: {
      buffer: () => buffers[asked++ % 2]!,
      callback: (length, buffer) => {
        t.equal(buffer, buffers[got.length % 2])
        got.push(Buffer.from(buffer.subarray(0, length)))
        return got.length % 10 !== 0
      },
    },
  })
  const seen = watch(dialled)
  t.equal(asked, 1)
  for (let reads = 10; ; reads += 10) {
    await clock.run({ for: 1000 })
    if (dialled.closed) break
    t.equal(got.length, reads)
    t.ok(b.sent - got.reduce((sum, { length }) => sum + length, 0) <= 256 * 1024)
    dialled.resume()
  }
  t.ok(Buffer.concat(got).equals(sent))
  t.same(seen.events, ['connect', 'end', 'finish', 'close'])
})

t.test('dialling a closed port is refused, and an unknown host is unreachable', async t => {
  const { clock, network } = simulate()
  const a = network.host('10.0.0.1', { latency: 50 })
  const b = network.host('10.0.0.2', { latency: 50 })
  const refused = watch(dialTo(a, b))
  const unreachable = watch(a.connect({ host: '10.9.9.9', port: PEER_PORT }))
  await clock.run()
  t.equal(clock.now(), 100)
  t.same([refused.error, refused.events], ['connect ECONNREFUSED', ['error', 'close']])
  t.same([unreachable.error, unreachable.events], ['connect EHOSTUNREACH', ['error', 'close']])
  const { server } = await pair(clock, a, b)
  const lateSocket = dialTo(a, b)
  const seen = watch(lateSocket)
  lateSocket.destroy()
  let accepted = 0
  server.on('connection', () => accepted++)
  server.close()
  await clock.run()
  t.same([seen.events, accepted], [['close'], 0])
  const closed = watch(dialTo(a, b))
  await clock.run()
  t.equal(closed.error, 'connect ECONNREFUSED')
})

t.test('writing to a closed socket is a reset', async t => {
  const { clock, network } = simulate()
  const a = network.host('10.0.0.1', { latency: 10 })
  const b = network.host('10.0.0.2', { latency: 10, down: MiB })
  const { dialled, accepted } = await pair(clock, a, b)
  const seen = watch(dialled)
  accepted.resume()
  let failed = 0
  const more = (error?: Error | null) => {
    if (error) failed++
    else dialled.write(Buffer.alloc(50_000), more)
  }
  more()
  await clock.run({ for: 1000 })
  accepted.destroy()
  await clock.run()
  t.match(seen.error, /^(read|write) ECONNRESET$/)
  t.same(seen.events, ['end', 'error', 'close'])
  t.equal(failed, 1)
  t.equal(network.open, 0)
})

t.test('a destroyed socket, or one with unread bytes, resets the other side', async t => {
  for (const unread of [true, false]) {
    const { clock, network } = simulate()
    const { dialled, accepted } = await pair(clock, network.host('10.0.0.1'), network.host('10.0.0.2'))
    const seen = read(dialled)
    accepted.pause()
    if (unread) dialled.write(Buffer.alloc(200_000)) // more than the buffer of the stream
    await clock.run({ for: 1000 })
    if (unread) accepted.destroy()
    else accepted.resetAndDestroy()
    await clock.run()
    t.same([seen.error, seen.events], ['read ECONNRESET', ['error', 'close']])
  }
})

t.test('a socket that is destroyed after its end still sends what was written', async t => {
  const { clock, network } = simulate()
  const { dialled, accepted } = await pair(
    clock,
    network.host('10.0.0.1', { up: 1000 }),
    network.host('10.0.0.2'),
  )
  const seen = read(accepted)
  const bytes = Buffer.from('goodbye')
  dialled.write(bytes, error => t.ok(error))
  dialled.destroy()
  bytes.fill(0)
  await clock.run()
  t.equal(String(Buffer.concat(seen.chunks)), 'goodbye')
  t.same(seen.events, ['end', 'finish', 'close'])
})

t.test('a socket that received the end sends its own end after all of its bytes', async t => {
  const { clock, network } = simulate()
  const a = network.host('10.0.0.1', { latency: 10 })
  const b = network.host('10.0.0.2', { latency: 10, up: 100_000 })
  const { dialled, accepted, server } = await pair(clock, a, b)
  const [acceptedBytes, dialledBytes] = [read(accepted), read(dialled)]
  accepted.write(Buffer.alloc(200_000))
  let ended = 0
  dialled.end('that is all', () => {
    ended = clock.now()
  })
  let closed = 0
  server.close(() => {
    closed = clock.now()
  })
  await clock.run()
  t.equal(String(Buffer.concat(acceptedBytes.chunks)), 'that is all')
  t.equal(dialledBytes.length, 200_000)
  t.ok(ended < 100, `${ended}`)
  t.ok(closed > 2000, `${closed}`)
  t.same(acceptedBytes.events, ['end', 'finish', 'close'])
  t.same(dialledBytes.events, ['finish', 'end', 'close'])
})

t.test('a cut is silent: nothing arrives, no error is reported, and other hosts continue', async t => {
  for (const cut of ['partition', 'unplug'] as const) {
    const { clock, network } = simulate()
    const [a, b, c] = [1, 2, 3].map(at => network.host(`10.0.0.${at}`, { latency: 10, down: MiB })) as [
      Host,
      Host,
      Host,
    ]
    const first = await pair(clock, a, b)
    const second = await pair(clock, a, c)
    const seen = [first.accepted, second.accepted, first.dialled, second.dialled].map(read)
    for (const { dialled } of [first, second]) dialled.write(Buffer.alloc(200_000))
    await clock.run({ for: 50 })
    if (cut === 'partition') network.partition(a, b)
    else b.unplug()
    const before = seen[0]!.length
    t.ok(before > 0 && before < 200_000)
    first.accepted.write('hello?')
    second.accepted.write('hello')
    const dialled = watch(dialTo(a, b))
    await clock.run({ for: 600_000 })
    t.equal(clock.pending, 0)
    t.same(
      seen.map(({ length }) => length),
      [before, 200_000, 0, 5],
    )
    t.same(
      [...seen, dialled].flatMap(({ events }) => events),
      [],
    )
  }
})

t.test('a server gets the given port or a free one, and closes connections beyond its limit', async t => {
  const { clock, network } = simulate()
  const a = network.host('10.0.0.1')
  const b = network.host('10.0.0.2')
  const events: string[] = []
  const listen = (name: string, port: number) => {
    const server = b.createServer()
    for (const event of ['listening', 'connection', 'error', 'close']) {
      server.on(event, () => events.push(`${name} ${event}`))
    }
    return server.listen({ port, host: '0.0.0.0' })
  }
  const first = listen('first', PEER_PORT)
  const second = listen('second', PEER_PORT)
  const third = listen('third', 0)
  await clock.run()
  t.same(events.splice(0), ['first listening', 'second error', 'third listening'])
  t.same(first.address(), { address: '0.0.0.0', port: PEER_PORT, family: 'IPv4' })
  t.equal(second.address(), null)
  t.ok((third.address() as net.AddressInfo).port > 1023)
  first.maxConnections = 1
  const seen = [dialTo(a, b), dialTo(a, b)].map(read)
  await clock.run()
  t.same(events.splice(0), ['first connection'])
  t.same(
    seen.map(({ events }) => events),
    [['connect'], ['connect', 'end', 'finish', 'close']],
  )
  third.close()
  first.close()
  await clock.run()
  t.same(events, ['third close'])
  t.throws(() => network.host('10.0.0.2'), /has a host 10\.0\.0\.2 already/)
  t.throws(() => network.host('10.0.0.3', { up: 0 }), /over 0 bytes per second, got 0/)
})

t.test('two PeerSockets move a megabyte in the time that the slower link takes', async t => {
  for (const [up, down] of [
    [MiB / 4, MiB],
    [MiB, MiB / 4],
  ] as const) {
    for (const lend of [false, true]) {
      const { clock, network } = simulate()
      const a = network.host('10.0.0.1', { down, latency: 30 })
      const b = network.host('10.0.0.2', { up, latency: 30 })
      const sent = noise(MiB, 9)
      let accepted: PeerSocket | undefined
      b.createServer(socket => {
        accepted = new PeerSocket(socket)
        for (let at = 0; at < MiB; at += 10_000) accepted.write(sent.subarray(at, at + 10_000))
        accepted.end()
        accepted.resume()
      }).listen({ port: PEER_PORT })
      const dialled = new PeerSocket({ host: '10.0.0.2', port: PEER_PORT }, { lend, connect: a.connect })
      const got: Buffer[] = []
      let ended = 0
      dialled.on('data', chunk => {
        got.push(Buffer.from(chunk))
        dialled.release(chunk)
      })
      dialled.on('end', () => {
        ended = clock.now()
        dialled.end()
      })
      await clock.run({ until: () => dialled.destroyed && accepted?.destroyed === true })
      t.ok(Buffer.concat(got).equals(Buffer.from(sent)))
      t.same(accepted?.address, { host: '10.0.0.1', port: 49_152 })
      // a segment is sent up completely before it is received
      const minimumMs = 4000 + 60
      t.ok(ended >= minimumMs && ended < minimumMs * 1.05, `${up} up, ${down} down: ${ended} ms`)
      t.equal(b.sentTo.get('10.0.0.1'), MiB)
      await clock.run()
      t.equal(network.open, 0)
      t.equal(clock.pending, 0)
    }
  }
})

t.test('PeerSockets get the same events as from sockets of Node', async t => {
  const { clock, network } = simulate()
  const a = network.host('10.0.0.1', { latency: 10 })
  const b = network.host('10.0.0.2', { latency: 10 })
  const dial = () => {
    const socket = new PeerSocket({ host: '10.0.0.2', port: PEER_PORT }, { connect: a.connect })
    const events: string[] = []
    socket.on('error', error => events.push(error.message))
    for (const event of ['end', 'close']) socket.on(event, () => events.push(event))
    socket.resume()
    return events
  }
  const refused = dial()
  await clock.run()
  t.same(refused, ['10.0.0.2:6881: connect ECONNREFUSED 10.0.0.2:6881', 'close'])
  b.createServer(socket => new PeerSocket(socket).destroy()).listen({ port: PEER_PORT })
  const ended = dial()
  await clock.run()
  t.same(ended, ['end', 'close'])
  t.equal(network.open, 0)
  t.equal(clock.pending, 0)
})
