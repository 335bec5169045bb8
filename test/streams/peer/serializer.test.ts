import t from 'tap'
import type { Message } from '../../../src/codec/message.ts'
import { Framer } from '../../../src/streams/peer/framer.ts'
import { Serializer } from '../../../src/streams/peer/serializer.ts'
import { generator } from '../../helpers/feed.ts'
import { noise } from '../../helpers/metainfo.ts'
import { settle } from '../../helpers/virtual-clock.ts'
import { INFO_HASH, msg, PEER_ID, u32 } from '../../helpers/wire.ts'

const request = (index: number): Message => ({ type: 'request', index, begin: 0, length: 16384 })
const block = (length: number): Message => ({
  type: 'piece',
  index: 1,
  begin: 0,
  length,
  data: noise(length, length),
})

const ALL_MESSAGES: Message[] = [
  { type: 'keepAlive' },
  { type: 'choke' },
  { type: 'unchoke' },
  { type: 'interested' },
  { type: 'notInterested' },
  { type: 'have', index: 12345 },
  { type: 'bitfield', bytes: noise(100, 1) },
  { type: 'bitfield', bytes: Buffer.alloc(0) },
  { type: 'request', index: 1, begin: 16384, length: 42 },
  { type: 'cancel', index: 0xffffffff, begin: 0xffffffff, length: 1 },
  block(16384),
  block(1),
  { type: 'port', port: 6881 },
  { type: 'extended', id: 0, payload: Buffer.from('d1:v4:teste') },
  { type: 'extended', id: 255, payload: Buffer.alloc(0) },
]

t.test('many messages written at once come out as one buffer', async t => {
  const serializer = new Serializer()
  const out: Buffer[] = []
  serializer.on('data', bytes => out.push(bytes))
  for (let at = 0; at < 100; at++) serializer.write(request(at))
  await settle()
  t.equal(out.length, 1)
  t.same(out[0], Buffer.concat(Array.from({ length: 100 }, (_, at) => msg(6, u32(at, 0, 16384)))))
  serializer.write({ type: 'interested' })
  await settle()
  t.same(out[1], Buffer.from('0000000102', 'hex'), 'and one alone does not wait for others')
})

t.test('every kind of message passes through a Framer unchanged, in any order', async t => {
  const chance = generator(1)
  const written = Array.from({ length: 500 }, () => ALL_MESSAGES[Math.floor(chance() * ALL_MESSAGES.length)]!)
  const shake: Message = {
    type: 'handshake',
    infoHash: INFO_HASH,
    peerId: PEER_ID,
    reserved: Buffer.alloc(8, 0x55),
  }
  const serializer = new Serializer()
  const framer = serializer.pipe(new Framer())
  const received: Message[] = []
  framer.on('data', message => received.push(message))
  for (const [at, message] of [shake, ...written].entries()) {
    serializer.write(message)
    if (chance() < 0.1) await settle()
    if (at === written.length) serializer.end()
  }
  await new Promise(resolve => framer.on('close', resolve))
  t.equal(received.length, 501)
  t.match(received[0], {
    ...shake,
    infoHash: [...INFO_HASH],
    peerId: [...PEER_ID],
    reserved: Array(8).fill(0x55),
  })
  t.same(received.slice(1), written)
})

t.test('no message is accepted while 256 KiB wait, and the next one once they were read', async t => {
  const serializer = new Serializer()
  let written = 0
  while (serializer.write(block(16384))) written++
  await settle()
  // the first batch is encoded at once, and 256 KiB more may wait behind it
  while (serializer.write(block(16384))) written++
  await settle()
  t.ok(written < 40, `${written} blocks`)
  t.equal(serializer.write(block(16384)), false)
  let drained = false
  serializer.on('drain', () => {
    drained = true
  })
  await settle()
  t.equal(drained, false)
  let bytes = 0
  serializer.on('data', chunk => {
    bytes += chunk.length
  })
  await settle()
  t.equal(drained, true)
  t.equal(bytes, (written + 3) * (13 + 16384), 'nothing was lost')
})

t.test('a full pipe is not written to, and nothing is lost', async t => {
  const serializer = new Serializer()
  let bytes = 0
  let chunks = 0
  const slow = new (await import('../../../src/streams/stage.ts')).Writable<Buffer>({
    highWaterMark: 1000,
    byteLength: chunk => chunk.length,
  })
  slow._write = (chunk, done) => {
    bytes += chunk.length
    chunks++
    setImmediate(done)
  }
  serializer.pipe(slow)
  for (let at = 0; at < 100; at++) {
    for (let more = 0; more < 100; more++) serializer.write(request(more))
    await settle()
  }
  serializer.end()
  await new Promise(resolve => slow.on('close', resolve))
  t.equal(bytes, 10_000 * 17)
  t.ok(chunks <= 101)
})

t.test('the end comes after everything that was written', async t => {
  const serializer = new Serializer()
  serializer.write(request(1))
  serializer.write(request(2))
  serializer.end()
  const out: Uint8Array[] = []
  for await (const bytes of serializer) out.push(bytes)
  t.equal(Buffer.concat(out).length, 34)
})

t.test('destroying a full serializer closes it and answers the write that waits', async t => {
  const serializer = new Serializer()
  for (let at = 0; at < 100; at++) serializer.write(block(16384))
  await settle()
  let closes = 0
  serializer.on('close', () => closes++)
  serializer.destroy()
  serializer.destroy()
  await settle()
  t.equal(closes, 1)
  t.equal(serializer.destroyed, true)
})

t.test('bytes pass without a copy, in order with the messages', async t => {
  const serializer = new Serializer()
  const out: Uint8Array[] = []
  serializer.on('data', bytes => out.push(bytes))
  const runs = [noise(100, 1), noise(200, 2), noise(300, 3)] as const
  serializer.write(request(0))
  serializer.write([request(1), request(2)])
  serializer.write(runs[0])
  serializer.write(runs[1])
  serializer.write({ type: 'choke' })
  serializer.write(runs[2])
  serializer.write({ type: 'unchoke' })
  await settle()
  const requests = Buffer.concat([0, 1, 2].map(index => msg(6, u32(index, 0, 16384))))
  t.ok(Buffer.concat(out).equals(Buffer.concat([requests, runs[0], runs[1], msg(0), runs[2], msg(1)])))
  for (const run of runs) t.equal(out.filter(bytes => bytes === run).length, 1, 'to be released to its owner')
})

t.test('bytes count in full towards backpressure', async t => {
  const serializer = new Serializer()
  const run = noise(262_144, 1)
  serializer.write(run)
  await settle()
  t.equal(serializer.write(run), false)
  let drained = false
  serializer.on('drain', () => {
    drained = true
  })
  await settle()
  t.equal(drained, false)
  serializer.resume()
  await settle()
  t.equal(drained, true)
})
