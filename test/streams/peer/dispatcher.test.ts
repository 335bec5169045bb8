import t from 'tap'
import type { Message } from '../../../src/codec/message.ts'
import { PeerError } from '../../../src/errors.ts'
import { Dispatcher, type MessageHandlers } from '../../../src/streams/peer/dispatcher.ts'
import { Framer } from '../../../src/streams/peer/framer.ts'
import type { Incoming } from '../../../src/streams/peer/incoming.ts'
import { type BlockSource, Requester } from '../../../src/streams/peer/requester.ts'
import { Responder } from '../../../src/streams/peer/responder.ts'
import { PieceBuffer } from '../../../src/streams/piece-buffer.ts'
import { settle } from '../../helpers/virtual-clock.ts'
import { msg, pieceMsg, UNCHOKE_BYTES, u32 } from '../../helpers/wire.ts'

const KiB16 = 16384

const request = (index: number): Message => ({ type: 'request', index, begin: 0, length: KiB16 })
const cancel = (index: number): Message => ({ type: 'cancel', index, begin: 0, length: KiB16 })

/** Creates a dispatcher, and records the messages of its two outputs. */
function setup(handlers?: MessageHandlers) {
  const dispatcher = new Dispatcher(handlers)
  const passed: Incoming[] = []
  const requests: Message[] = []
  const errors: Error[] = []
  dispatcher.on('data', message => passed.push(message))
  dispatcher.on('error', error => errors.push(error))
  return { dispatcher, passed, requests, errors }
}

t.test('requests and cancels go to their own output, all other messages pass, each in order', async t => {
  const { dispatcher, passed, requests } = setup()
  dispatcher.requests.on('data', message => requests.push(message))
  const others: Incoming[] = [
    { type: 'choke' },
    { type: 'blocks', writer: { divert() {} }, blocks: [] },
    { type: 'have', index: 1 },
    { type: 'dontHave', index: 1 },
  ]
  const uploads = [request(0), request(1), cancel(0), request(2)]
  others.forEach((message, at) => {
    dispatcher.write(message)
    dispatcher.write(uploads[at]!)
  })
  await settle()
  t.same(passed, others)
  t.same(requests, uploads)
})

t.test('a message with a handler is passed on only as the handler returns it', async t => {
  const seen: unknown[] = []
  const { dispatcher, passed } = setup({
    port: ({ port }) => {
      seen.push(port)
      return undefined
    },
    extended: ({ id }) => (id === 3 ? { type: 'dontHave', index: 7 } : undefined),
  })
  dispatcher.write({ type: 'port', port: 6881 })
  for (const id of [3, 4]) dispatcher.write({ type: 'extended', id, payload: Buffer.alloc(0) })
  dispatcher.write({ type: 'keepAlive' })
  await settle()
  t.same(seen, [6881])
  t.same(passed, [{ type: 'dontHave', index: 7 }, { type: 'keepAlive' }])
})

t.test('an error of a handler ends the stage', async t => {
  const failure = new PeerError('ERR_MESSAGE', 'no')
  const { dispatcher, passed, errors } = setup({
    interested: () => {
      throw failure
    },
  })
  dispatcher.write({ type: 'interested' })
  dispatcher.write({ type: 'choke' })
  await settle()
  t.same([errors, passed], [[failure], []])
})

t.test('without a reader of requests they are dropped', async t => {
  const { dispatcher, passed } = setup()
  for (let index = 0; index < 5000; index++) dispatcher.write(request(index))
  dispatcher.write({ type: 'choke' })
  await settle()
  t.same(passed, [{ type: 'choke' }])
})

t.test('requests that are not read hold the peer back', async t => {
  const { dispatcher, passed } = setup()
  const { requests } = dispatcher
  for (let index = 0; index < 5000; index++) dispatcher.write(request(index))
  dispatcher.write({ type: 'choke' })
  await settle()
  t.same(passed, [])
  let count = 0
  requests.on('data', () => count++)
  await settle()
  t.equal(count, 5000)
  t.same(passed, [{ type: 'choke' }])
})

t.test('messages that are not read hold the peer back', async t => {
  const dispatcher = new Dispatcher()
  let taken = 0
  const handlers = { port: () => void taken++ as undefined }
  const bounded = new Dispatcher(handlers)
  dispatcher.pipe(bounded)
  for (let count = 0; count < 5000; count++) {
    dispatcher.write({ type: 'choke' })
    dispatcher.write({ type: 'port', port: 1 })
  }
  await settle()
  t.ok(taken > 1000 && taken < 1100, `${taken} of 5000`)
  dispatcher.destroy()
  bounded.destroy()
  bounded.on('error', () => {})
})

t.test('the end of the peer ends both outputs, after their last messages', async t => {
  const { dispatcher, passed, requests } = setup()
  const ends: string[] = []
  dispatcher.requests.on('data', message => requests.push(message))
  dispatcher.requests.on('end', () => ends.push('requests'))
  dispatcher.on('end', () => ends.push('messages'))
  dispatcher.write(request(0))
  dispatcher.write({ type: 'choke' })
  dispatcher.end()
  await settle()
  t.same([passed.length, requests.length], [1, 1])
  t.same(ends.sort(), ['messages', 'requests'])
})

t.test('the dispatcher and the reader of its requests fail together', async t => {
  const first = setup()
  const responder = new Responder({})
  responder.on('error', () => {})
  first.dispatcher.requests.pipe(responder)
  first.dispatcher.destroy()
  await settle()
  t.ok(responder.destroyed)

  const second = setup()
  const failing = new Responder({
    pieceLength: KiB16,
    length: KiB16,
    storage: { read: async () => 0 },
    has: () => true,
  })
  failing.on('error', () => {})
  second.dispatcher.requests.pipe(failing)
  second.dispatcher.write(request(99))
  await settle()
  t.ok(second.dispatcher.destroyed)
  t.match(second.errors, [{ code: 'ERR_MESSAGE' }])

  const closing = setup()
  const closed = new Responder({})
  closing.dispatcher.requests.pipe(closed)
  closed.destroy()
  closing.dispatcher.write(request(0))
  closing.dispatcher.write({ type: 'choke' })
  await settle()
  t.same(
    [closing.passed, closing.errors],
    [[{ type: 'choke' }], []],
    'a reader that only closes gets no more',
  )

  const third = setup()
  third.dispatcher.destroy()
  t.ok(third.dispatcher.requests.destroying)
})

t.test('a download that does not read blocks does not delay the requests of the peer', async t => {
  for (const count of [63, 70, 500]) {
    const pieces = Array.from({ length: 1000 }, (_, index) => new PieceBuffer(index, KiB16))
    let next = 0
    const source: BlockSource = {
      takeBlocks: (_, room, at) =>
        pieces.slice(next, (next += room)).map(piece => {
          piece.request(0)
          return { piece, block: 0, at, lost: false }
        }),
      onArrival() {},
      onLoss() {},
      onBitfield() {},
      onHave() {},
      onDontHave() {},
      findPiece: (_, index) => pieces[index],
      wants: () => true,
      onLeave() {},
    }
    const requester = new Requester({
      pieceCount: pieces.length,
      source,
      window: { size: 512, onBlock() {}, onSnub() {}, onRefusal() {} },
      now: () => 0,
      send: () => {},
    })
    const framer = new Framer({ handshake: false, places: requester })
    const dispatcher = new Dispatcher()
    const requests: Message[] = []
    framer.pipe(dispatcher).pipe(requester) // the blocks are not read
    dispatcher.requests.on('data', message => requests.push(message))
    framer.write(Buffer.concat([msg(5, Buffer.alloc(125, 0xff)), UNCHOKE_BYTES]))
    await settle()
    for (let index = 0; index < count; index++) framer.write(pieceMsg(index, 0, Buffer.alloc(KiB16)))
    framer.write(msg(6, u32(0, 0, KiB16)))
    await settle()
    t.same(requests, [request(0)], `${count} blocks wait`)
    t.equal(requester.downloaded, count * KiB16)
    for (const stage of [framer, dispatcher, requester]) {
      stage.on('error', () => {})
      stage.destroy()
    }
  }
})
