import { once } from 'node:events'
import net, { type AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { PeerSocket, type PeerSocketOptions } from '../../../src/streams/peer/peer-socket.ts'
import { Writable } from '../../../src/streams/stage.ts'
import { noise } from '../../helpers/metainfo.ts'
import { settle, VirtualClock } from '../../helpers/virtual-clock.ts'

const MiB = 1 << 20
const failed = { name: 'PeerError', code: 'ERR_CONNECTION' }

/** Starts a server on loopback. Its connections are closed at the end of the test. */
async function listen(t: Test) {
  const server = net.createServer().listen(0, '127.0.0.1')
  const sockets: net.Socket[] = []
  server.on('connection', socket => {
    sockets.push(socket.on('error', () => {}))
  })
  await once(server, 'listening')
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return { server, port, address: { host: '127.0.0.1', port } }
}

/** Returns a PeerSocket that dialled, its events, and the other end. */
async function dial(t: Test, options: PeerSocketOptions = {}) {
  const { server, address } = await listen(t)
  const connected = once(server, 'connection')
  const peer = watched(t, new PeerSocket(address, options))
  const [remote] = (await connected) as [net.Socket]
  return { ...peer, remote, address }
}

/** Returns a PeerSocket of an accepted connection, and the other end. */
async function accept(t: Test, options: PeerSocketOptions = {}) {
  const { server, port } = await listen(t)
  const connected = once(server, 'connection')
  const remote = net.connect(port, '127.0.0.1').on('error', () => {})
  t.teardown(() => remote.destroy())
  const [socket] = (await connected) as [net.Socket]
  socket.removeAllListeners('error')
  return { ...watched(t, new PeerSocket(socket, options)), remote, port: remote.localPort }
}

function watched(t: Test, socket: PeerSocket) {
  const log: string[] = []
  const errors: Error[] = []
  socket.on('error', error => {
    errors.push(error)
    log.push('error')
  })
  for (const event of ['end', 'close']) socket.on(event, () => log.push(event))
  const closed = new Promise<void>(resolve => socket.on('close', resolve))
  t.teardown(() => socket.destroy())
  return { socket, log, errors, closed }
}

/** Reads `length` bytes, as copies. */
function reading(socket: PeerSocket, length: number): Promise<Buffer> {
  return new Promise(resolve => {
    const chunks: Buffer[] = []
    let left = length
    socket.on('data', chunk => {
      chunks.push(Buffer.from(chunk))
      left -= chunk.length
      socket.release(chunk)
      if (left <= 0) resolve(Buffer.concat(chunks))
    })
  })
}
/** Waits until `read` returns the same value for a hundred turns of the event loop. */
async function quiet(value: () => number): Promise<void> {
  for (let before = -1, same = 0; same < 100; same++) {
    if (value() !== before) same = 0
    before = value()
    await settle()
  }
}

for (const [how, open] of [
  ['dialled', dial],
  ['dialled, lending', (t: Test) => dial(t, { lend: true })],
  ['accepted', accept],
  ['accepted, lending', (t: Test) => accept(t, { lend: true })],
] as const) {
  t.test(`${how}: bytes arrive unchanged and in order in both directions`, async t => {
    const { socket, remote } = await open(t)
    const [toRemote, back] = [noise(3 * MiB, 1), noise(3 * MiB, 2)]
    const got = reading(socket, back.length)
    const chunks: Buffer[] = []
    let left = toRemote.length
    const sent = new Promise<void>(resolve => {
      remote.on('data', chunk => {
        chunks.push(chunk)
        left -= chunk.length
        if (left === 0) resolve()
      })
    })
    for (let at = 0; at < toRemote.length; at += 100_000) socket.write(toRemote.subarray(at, at + 100_000))
    remote.write(back)
    t.ok((await got).equals(back))
    await sent
    t.ok(Buffer.concat(chunks).equals(toRemote))
  })

  t.test(
    `${how}: the end of the other side comes after all bytes that it sent, also to a slow reader`,
    async t => {
      const { socket, remote, log, errors, closed } = await open(t)
      const back = noise(500_000, 3)
      remote.end(back)
      const chunks: Buffer[] = []
      socket.on('data', chunk => {
        chunks.push(Buffer.from(chunk))
        socket.pause()
        void quiet(() => 0).then(() => {
          socket.release(chunk)
          socket.resume()
        })
      })
      await closed
      t.ok(Buffer.concat(chunks).equals(back), `${Buffer.concat(chunks).length} bytes`)
      t.same(log, ['end', 'close'])
      t.same(errors, [])
    },
  )

  t.test(`${how}: our end arrives after everything that was written`, async t => {
    const { socket, remote, errors, closed } = await open(t)
    socket.resume()
    socket.write(Buffer.from('good'))
    socket.end(Buffer.from('bye'))
    const chunks: Buffer[] = []
    for await (const chunk of remote) chunks.push(chunk)
    await closed
    t.equal(Buffer.concat(chunks).toString(), 'goodbye')
    t.same(errors, [])
  })

  t.test(
    `${how}: a reset is an ERR_CONNECTION with the system error as its cause, and then a close`,
    async t => {
      const { socket, remote, log, errors, closed } = await open(t)
      socket.resume()
      remote.write('x')
      await once(socket, 'data')
      remote.resetAndDestroy()
      await closed
      t.match(errors, [{ ...failed, cause: { code: 'ECONNRESET' } }])
      t.same(log, ['error', 'close'])
    },
  )

  t.test(`${how}: writing to a peer that left ends in a close and at most one error`, async t => {
    const { socket, remote, errors, log, closed } = await open(t)
    socket.resume()
    remote.destroy()
    const feed = () => {
      while (!socket.destroying && socket.write(noise(16384, 1)));
    }
    socket.on('drain', feed)
    feed()
    await closed
    for (const error of errors) t.match(error, failed)
    t.ok(errors.length <= 1)
    t.equal(log.at(-1), 'close')
    socket.write(Buffer.from('after'))
    await settle()
  })

  t.test(`${how}: destroying is idempotent and closes the connection`, async t => {
    const { socket, remote, log, closed } = await open(t)
    const remoteClosed = once(remote, 'close')
    remote.resume()
    socket.destroy()
    socket.destroy(new Error('too late'))
    await closed
    await remoteClosed
    t.same(log, ['close'])
  })

  t.test(`${how}: a socket destroyed with a reason emits that error and no other`, async t => {
    const { socket, errors, closed } = await open(t)
    socket.write(noise(5 * MiB, 1))
    socket.destroy(new Error('mine'))
    await closed
    t.match(errors, [{ message: 'mine' }])
    t.equal(errors.length, 1)
  })

  t.test(`${how}: a reader that stops holds the other side back`, async t => {
    const { socket, remote } = await open(t)
    const total = 64 * MiB
    let accepted = 0
    const block = noise(64 * 1024, 1)
    const push = () => {
      while (accepted < total) {
        accepted += block.length
        if (!remote.write(block)) return
      }
    }
    remote.on('drain', push)
    push()
    await quiet(() => accepted + remote.bytesWritten)
    t.ok(accepted < total, 'the other side has to wait')
    const raw = remote.bytesWritten
    await quiet(() => raw)
    // each slow reader passes its bytes to the next
    let got = 0
    const all = new Promise<void>(resolve => {
      socket.on('data', chunk => {
        got += chunk.length
        socket.release(chunk)
        if (got === total) resolve()
      })
    })
    await all
    t.equal(got, total, 'and nothing was lost')
  })
}

t.test('a dialled socket without lending reads no more than it has room for', async t => {
  const { socket, remote } = await dial(t)
  for (let at = 0; at < 16; at++) remote.write(noise(MiB, 1))
  let taken = 0
  const { push } = socket
  socket.push = chunk => {
    taken += chunk?.length ?? 0
    return push.call(socket, chunk)
  }
  socket.on('readable', () => {})
  await quiet(() => taken)
  t.ok(taken > 0 && taken <= 128 * 1024, `${taken} bytes: 64 KiB, and what one read brings`)
  socket.read()
  const before = taken
  await quiet(() => taken)
  t.ok(taken > before, 'and goes on when one was read')
})

t.test('lent chunks stay unchanged until they are released, however slow the reader', async t => {
  const { socket, remote } = await dial(t, { lend: true })
  const bytes = noise(8 * MiB, 4)
  remote.write(bytes)
  let at = 0
  let maximum = 0
  let out = 0
  const slow = new Writable<Uint8Array>({ highWaterMark: 1 << 30, byteLength: chunk => chunk.length })
  slow._write = (chunk, done) => {
    const expected = bytes.subarray(at, at + chunk.length)
    const right = expected.equals(chunk)
    void quiet(() => 0).then(() => {
      if (!right || !expected.equals(chunk)) t.fail(`bytes at ${at} were overwritten`)
      at += chunk.length
      out--
      socket.release(chunk)
      done()
    })
  }
  const { write } = slow
  slow.write = chunk => {
    maximum = Math.max(maximum, ++out)
    return write.call(slow, chunk)
  }
  const all = new Promise<void>(resolve => {
    const check = setInterval(() => {
      if (at >= bytes.length) {
        clearInterval(check)
        resolve()
      }
    }, 1)
    t.teardown(() => clearInterval(check))
  })
  socket.pipe(slow, () => {})
  await all
  t.equal(at, bytes.length)
  t.equal(maximum, 2, 'two are out at most')
})

t.test('a chunk that is released before an older one does not let the older one be overwritten', async t => {
  const { socket, remote } = await dial(t, { lend: true })
  const bytes = noise(4 * MiB, 5)
  remote.write(bytes)
  const out: Uint8Array[] = []
  socket.on('data', chunk => out.push(chunk))
  await quiet(() => out.length)
  t.equal(out.length, 2)
  const [older, newer] = out as [Uint8Array, Uint8Array]
  socket.release(newer)
  await quiet(() => out.length)
  t.ok(bytes.subarray(0, older.length).equals(older), 'the older one')
  socket.release(older)
  await quiet(() => out.length)
  t.ok(out.length > 2, 'and then it goes on')
})

t.test('while nothing is released, only two chunks are read', async t => {
  const { socket, remote } = await dial(t, { lend: true })
  for (let at = 0; at < 32; at++) remote.write(noise(MiB, 1))
  let taken = 0
  let chunks = 0
  socket.on('data', chunk => {
    taken += chunk.length
    chunks++
  })
  await quiet(() => taken)
  t.equal(chunks, 2)
  t.ok(taken <= 2 * 131072, `${taken} bytes`)
})

for (const [limit, expected] of [
  [MiB, MiB],
  [200_000, 200_000],
  [10_000, 10_000],
] as const) {
  t.test(`reads grow for a peer that fills them, up to a limit of ${limit}`, async t => {
    const { socket, remote } = await dial(t, { lend: true, readLimit: () => limit })
    const sizes = new Set<number>()
    let left = 64 * MiB
    const block = noise(MiB, 1)
    const push = () => {
      while (remote.write(block));
    }
    remote.on('drain', push)
    push()
    await new Promise<void>(resolve => {
      socket.on('data', chunk => {
        sizes.add(chunk.buffer.byteLength)
        left -= chunk.length
        if (left <= 0 || sizes.has(expected)) resolve()
        else socket.release(chunk)
      })
    })
    t.equal(Math.min(...sizes), Math.min(65536, limit), 'small to begin with')
    t.ok(Math.max(...sizes) <= expected)
    if (limit < 65536) t.equal(sizes.size, 1)
  })
}

t.test('a peer that sends little gets no larger buffer', async t => {
  const { socket, remote } = await dial(t, { lend: true })
  const sizes = new Set<number>()
  for (let at = 0; at < 50; at++) {
    const next = once(socket, 'data')
    remote.write('hello')
    const [chunk] = (await next) as [Uint8Array]
    sizes.add(chunk.buffer.byteLength)
    socket.release(chunk)
  }
  t.same([...sizes], [65536])
})

t.test('a short read from a fast peer is followed by a pause of a millisecond', async t => {
  const clock = new VirtualClock()
  const { socket, remote } = await dial(t, { lend: true, clock })
  remote.setNoDelay(true)
  const chunks: Uint8Array[] = []
  socket.on('data', chunk => {
    chunks.push(chunk)
    socket.release(chunk)
  })
  const read = () => chunks.reduce((sum, { length }) => sum + length, 0)
  const block = noise(MiB, 1)
  let sent = 0
  while (!chunks.some(({ length }) => length >= 262144)) {
    remote.write(block)
    sent += MiB
    const wanted = sent
    await clock.advanceUntil(() => read() >= wanted, Number.POSITIVE_INFINITY, 1)
  }
  await clock.advance(1)
  const before = chunks.length
  remote.write('one')
  await quiet(() => chunks.length)
  t.equal(chunks.length, before + 1, 'the first is read at once')
  remote.write('two')
  await quiet(() => chunks.length)
  remote.write('three')
  await quiet(() => chunks.length)
  t.equal(chunks.length, before + 1, 'the others wait')
  await clock.advance(1)
  await quiet(() => chunks.length)
  t.equal(chunks.length, before + 2)
  t.equal(read(), sent + 'onetwothree'.length, 'and come together')
  socket.destroy()
  t.equal(clock.pending, 0, 'no timer is left')
})

t.test('a fast peer gets no more than 2 MiB and a buffer of each turn of the event loop', async t => {
  const { socket, remote } = await dial(t, { lend: true, readLimit: () => MiB })
  const total = 64 * MiB
  for (let at = 0; at < 64; at++) remote.write(noise(MiB, 1))
  let read = 0
  let maximum = 0
  let inTurn = 0
  let isTurn = false
  await new Promise<void>(resolve => {
    socket.on('data', chunk => {
      read += chunk.length
      inTurn += chunk.length
      maximum = Math.max(maximum, inTurn)
      if (!isTurn) {
        isTurn = true
        setImmediate(() => {
          isTurn = false
          inTurn = 0
        })
      }
      socket.release(chunk)
      if (read === total) resolve()
    })
  })
  t.ok(maximum < 3 * MiB, `${maximum} bytes`)
})

t.test('without lending every chunk is memory of its own', async t => {
  for (const open of [dial, accept]) {
    const { socket, remote } = await open(t)
    const bytes = noise(2 * MiB, 6)
    const kept: Uint8Array[] = []
    let left = bytes.length
    const all = new Promise<void>(resolve => {
      socket.on('data', chunk => {
        kept.push(chunk)
        left -= chunk.length
        if (left === 0) resolve()
      })
    })
    remote.write(bytes)
    await all
    t.ok(Buffer.concat(kept).equals(bytes), 'kept until the end, and never released')
  }
})

t.test('a refused connection is a PeerError that names the address', async t => {
  const { server, address } = await listen(t)
  server.close()
  await once(server, 'close')
  const { log, errors, closed, socket } = watched(t, new PeerSocket(address))
  socket.write(Buffer.from('a handshake that waits for the connection'))
  await closed
  t.match(errors, [{ ...failed, cause: { code: 'ECONNREFUSED' } }])
  t.match(errors[0]!.message, new RegExp(`^127\\.0\\.0\\.1:${address.port}: .*ECONNREFUSED`))
  t.same(log, ['error', 'close'])
})

t.test('bytes written before the connection is made are sent after it', async t => {
  const { server, address } = await listen(t)
  const connected = once(server, 'connection')
  const { socket } = watched(t, new PeerSocket(address))
  socket.write(Buffer.from('early'))
  const [remote] = (await connected) as [net.Socket]
  const [bytes] = await once(remote, 'data')
  t.equal(bytes.toString(), 'early')
  t.same(socket.address, address)
})

t.test('a socket destroyed before it is connected closes, and leaves no connection', async t => {
  const { server, address } = await listen(t)
  for (const turns of [0, 1]) {
    const { socket, log, closed } = watched(t, new PeerSocket(address))
    for (let turn = 0; turn < turns; turn++) await Promise.resolve()
    socket.write(Buffer.from('x'))
    socket.destroy()
    await closed
    t.same(log, ['close'])
  }
  await quiet(() => 0)
  t.equal(await new Promise(resolve => server.getConnections((_, count) => resolve(count))), 0)
})

t.test('the function that connects can be injected', async t => {
  const { address } = await listen(t)
  const asked: unknown[] = []
  const connect = ((options: net.NetConnectOpts) => {
    asked.push(options)
    return net.connect(options)
  }) as typeof net.connect
  const { socket } = watched(t, new PeerSocket(address, { connect }))
  await once(socket, 'open')
  t.match(asked, [{ host: '127.0.0.1', port: address.port, noDelay: true }])
})

t.test('a socket dials from the given local address', async t => {
  const { server, address } = await listen(t)
  const connected = once(server, 'connection')
  const { socket } = watched(t, new PeerSocket(address, { bind: '127.0.0.2' }))
  const [remote] = (await connected) as [net.Socket]
  t.equal(remote.remoteAddress, '127.0.0.2')
  socket.destroy()
  const { errors, closed } = watched(t, new PeerSocket(address, { bind: '::1' }))
  await closed
  t.match(errors, [failed], 'an address of another family leads nowhere')
})

t.test('an accepted connection knows its remote address', async t => {
  const { socket, port } = await accept(t)
  t.same(socket.address, { host: '127.0.0.1', port })
})

t.test('a connection that ended before it was handed over closes', async t => {
  const { server, port } = await listen(t)
  const connected = once(server, 'connection')
  net.connect(port, '127.0.0.1').on('error', () => {})
  const [raw] = (await connected) as [net.Socket]
  raw.destroy()
  await once(raw, 'close')
  const { closed, log } = watched(t, new PeerSocket(raw))
  await closed
  t.equal(log.at(-1), 'close')
})

t.test('destroyed sockets leave nothing open', async t => {
  await quiet(() => 0)
  const open = () => process.getActiveResourcesInfo().filter(name => name === 'TCPSocketWrap').length
  const before = open()
  const { address, server } = await listen(t)
  const sockets = Array.from({ length: 20 }, () => watched(t, new PeerSocket(address, { lend: true })))
  await Promise.all(sockets.map(({ socket }) => once(socket, 'open')))
  for (const { socket } of sockets) socket.destroy()
  await Promise.all(sockets.map(({ closed }) => closed))
  const connections = () =>
    new Promise<number>(resolve => server.getConnections((_, count) => resolve(count)))
  for (let turns = 0; turns < 1000 && ((await connections()) > 0 || open() > before); turns++) await settle()
  t.equal(await connections(), 0)
  t.ok(open() <= before, `${open()} open, ${before} before`)
})

t.test('bytes that were already read from an accepted connection come first, and none are lost', async t => {
  for (const lend of [false, true]) {
    const { server, port } = await listen(t)
    const connected = once(server, 'connection')
    const remote = net.connect(port, '127.0.0.1').on('error', () => {})
    t.teardown(() => remote.destroy())
    const [raw] = (await connected) as [net.Socket]
    const bytes = noise(300_000, 7)
    remote.write(bytes)
    const head = await new Promise<Buffer>(resolve => {
      raw.once('data', chunk => {
        raw.pause()
        resolve(chunk)
      })
    })
    await quiet(() => raw.readableLength)
    const { socket } = watched(t, new PeerSocket(raw, { head, lend }))
    t.ok((await reading(socket, bytes.length)).equals(bytes))
  }
})

t.test('an empty head has no effect', async t => {
  const { socket, remote } = await accept(t, { head: new Uint8Array(0) })
  remote.write('hello')
  const [chunk] = await once(socket, 'data')
  t.equal(Buffer.from(chunk).toString(), 'hello')
})

for (const [how, open] of [
  ['dialled', dial],
  ['dialled, lending', (t: Test, options: PeerSocketOptions) => dial(t, { ...options, lend: true })],
  ['accepted', accept],
] as const) {
  t.test(`${how}: the limit is asked for each read, and nothing is read until it grants`, async t => {
    const asked: number[] = []
    const going: (() => void)[] = []
    const cancelled: object[] = []
    const limit = {
      take(bytes: number, go: () => void) {
        asked.push(bytes)
        going.push(go)
        return go
      },
      cancel: (ticket: object) => cancelled.push(ticket),
    }
    const { socket, remote } = await open(t, { limit })
    const bytes = noise(4 * MiB, 8)
    remote.write(bytes)
    const got: Buffer[] = []
    socket.on('data', chunk => {
      got.push(Buffer.from(chunk))
      socket.release(chunk)
    })
    const length = () => got.reduce((sum, chunk) => sum + chunk.length, 0)
    await quiet(length)
    t.equal(asked.length, 1)
    t.equal(length(), asked[0])
    let turns = 0
    while (length() < bytes.length && turns++ < 10_000) {
      going.shift()?.()
      await settle()
    }
    t.ok(Buffer.concat(got).equals(bytes), 'and nothing is lost')
    await quiet(length)
    t.equal(
      asked.reduce((sum, count) => sum + count, 0),
      bytes.length,
    )
    const [waiting] = going
    socket.destroy()
    t.same(cancelled, waiting ? [waiting] : [], 'a socket that closes withdraws its request')
  })

  t.test(`${how}: a limit that grants everything at once delays nothing`, async t => {
    let granted = 0
    const limit = {
      take(count: number, go: () => void) {
        granted += count
        go()
        return undefined
      },
      cancel: () => t.fail('there is nothing to take back'),
    }
    const { socket, remote } = await open(t, { limit })
    const bytes = noise(2 * MiB, 9)
    const got = reading(socket, bytes.length)
    remote.write(bytes)
    t.ok((await got).equals(bytes))
    t.equal(granted, bytes.length)
  })

  t.test(`${how}: each written buffer is reported after the system has taken it, in order`, async t => {
    const written: Uint8Array[] = []
    const { socket, remote } = await open(t, { onWritten: bytes => written.push(bytes) })
    let left = 3 * MiB
    const all = new Promise<void>(resolve => {
      remote.on('data', chunk => {
        left -= chunk.length
        if (left === 0) resolve()
      })
    })
    const buffers = [noise(MiB, 1), noise(MiB, 2), noise(MiB, 3)]
    for (const bytes of buffers) socket.write(bytes)
    t.same(written, [])
    await all
    await quiet(() => written.length)
    t.equal(written.length, 3)
    t.ok(buffers.every((bytes, at) => written[at] === bytes))
  })
}

t.test('after hangUp the peer receives what was written, while it still sends, and no reset', async t => {
  for (const open of [dial, accept]) {
    const { socket, remote, closed } = await open(t, { lend: true })
    const received: Buffer[] = []
    const errors: Error[] = []
    remote.on('error', error => errors.push(error))
    const sent = noise(4 * MiB, 1)
    remote.write(noise(8 * MiB, 2))
    remote.pause()
    socket.write(sent)
    await settle()
    socket.hangUp()
    const over = Promise.all([closed, once(remote, 'end'), once(remote, 'close')])
    remote.on('data', chunk => received.push(chunk)).resume()
    await over
    t.ok(Buffer.concat(received).equals(sent))
    t.same(errors, [])
  }
})

t.test('after hangUp a connection to a peer that does not end its side is destroyed in the end', async t => {
  const clock = new VirtualClock()
  const server = net.createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1')
  t.teardown(() => server.close())
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const connected = once(server, 'connection')
  const { socket, closed } = watched(t, new PeerSocket({ host: '127.0.0.1', port }, { clock }))
  const [remote] = (await connected) as [net.Socket]
  remote.on('error', () => {}).resume()
  await once(remote, 'resume')
  const ended = once(remote, 'end')
  socket.write(Buffer.from('x'))
  await settle()
  socket.hangUp()
  await closed
  await ended
  t.equal(clock.pending, 1)
  const remoteClosed = once(remote, 'close')
  await clock.advance(2_000)
  t.equal(clock.pending, 0)
  remote.write('x') // detects that the other side has closed
  remote.end()
  await remoteClosed
})
