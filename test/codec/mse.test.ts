import fc from 'fast-check'
import t from 'tap'
import { DH_PRIME, KEY_LENGTH, publicKey, sharedSecret } from '../../src/codec/diffie-hellman.ts'
import { HandshakeRunner } from '../../src/codec/handshake-runner.ts'
import {
  type Ciphers,
  CRYPTO_METHODS,
  ciphersOf,
  masked,
  syncMark,
  torrentMark,
} from '../../src/codec/mse.ts'
import { initiate, MAX_PAYLOAD, type Received, receive } from '../../src/codec/mse-handshake.ts'
import { PeerError } from '../../src/errors.ts'
import { cut, generator } from '../helpers/feed.ts'
import { noise } from '../helpers/metainfo.ts'
import { RANDOM_SEED } from '../helpers/random-seed.ts'
import { HANDSHAKE_BYTES, INFO_HASH } from '../helpers/wire.ts'

const { plaintext, rc4 } = CRYPTO_METHODS
const both = plaintext | rc4
const hex = (text: string) => Buffer.from(text, 'hex')

/** A source of random bytes that returns this private key and no padding. */
const keyed = (key: Uint8Array) => (length: number) =>
  length === key.length ? Buffer.from(key) : Buffer.alloc(length)
const KEY_A = Buffer.from(Array.from({ length: 20 }, (_, at) => at + 1))
const KEY_B = Buffer.from(Array.from({ length: 20 }, (_, at) => at + 101))

/** A whole handshake, recorded with an independent implementation. */
const RECORDED_HANDSHAKE = {
  secret: hex(
    'd05ed96a95215a89b44073afe5d0b1626289ac01cff7849392948b2470b346547e944d7562a897ae86976bc389999083' +
      'ec09572dbdc8ed7f6a0a86a1aa42a3ca04209b72d8239890360435640643b76479ed7836f1857963fcc7cb72084c3ab4',
  ),
  a: hex(
    '96e112dab29e8c5272accb9b17b26887ce54a144a4e3b697c7d159b7a817e556b0918db2b4c658e02a87f7e5fb14b18a' +
      '553e084cbf3dad2d30f16596ccb982d406258c61b30c5c1dae2ddc60bdbd48d79896312aad63238c39e1a633821eb693',
  ),
  b: hex(
    'd32ae8cedd0de9ca4fe67e35626bb8c7cdb0966727d899f6a62fdb2b68817f9ddc4b684e3eb34030b8dba4e028b7cff3' +
      '264020340cb4eab61923cdc4e4216ba873368d83f0a38e497f1f6b4e3d2012eb91a3ee6056f966f9eae732089b6fa46e',
  ),
  offer: hex(
    '78fffb0f23055a793ff7609f359e04e383ec3505f2f74cb293cbfc230fbc6707cd5dca1d7ea0e6fde50e282022084479' +
      'e72308e5a3a4e8c4741f4be70147c69e8792522ee4031287fcafaef1c5bbc8744fe3e00c2cba2b4d7d019148d643efb4' +
      'fd298d6030eab305443b81aa126c3665babfb282b6de1898f5f441b0',
  ),
  answer: hex('943d5a81d0106aa03a3f5993e0bb'),
  fromB: hex('e3f9060e351d8522914f619f'), // "hello from b"
  fromA: hex('705fccb676a61da6760635dd'),
}
const PLAIN_HANDSHAKE = Buffer.concat([
  HANDSHAKE_BYTES.subarray(0, 20),
  Buffer.alloc(8),
  HANDSHAKE_BYTES.subarray(28),
])

interface Side<Result> {
  readonly sent: Buffer[]
  readonly exchange: HandshakeRunner<Result>
}

type Random = (length: number) => Uint8Array

function initiator({
  provide = both,
  payload = PLAIN_HANDSHAKE as Uint8Array,
  random = keyed(KEY_A) as Random,
  infoHash = INFO_HASH as Uint8Array,
} = {}): Side<Ciphers | undefined> {
  const sent: Buffer[] = []
  const send = (bytes: Uint8Array) => void sent.push(Buffer.from(bytes))
  const conversation = initiate({ infoHash, provide, payload: () => payload, send, random })
  return { sent, exchange: new HandshakeRunner(conversation) }
}

function receiver({
  allow = both,
  random = keyed(KEY_B) as Random,
  shared = [INFO_HASH] as readonly Uint8Array[],
} = {}): Side<Received> {
  const sent: Buffer[] = []
  const send = (bytes: Uint8Array) => void sent.push(Buffer.from(bytes))
  const find = (mark: Buffer) => shared.find(infoHash => torrentMark(infoHash).equals(mark))
  return { sent, exchange: new HandshakeRunner(receive({ allow, find, send, random })) }
}

/** Feeds bytes one by one; returns the result and the number of bytes read. */
function take<Result>({ exchange }: Side<Result>, bytes: Uint8Array) {
  for (let at = 0; at < bytes.length; at++) {
    const end = exchange.take(bytes.subarray(at, at + 1))
    if (end) return { ...end, at: at + 1 }
  }
  return undefined
}

interface Word {
  readonly vc?: Uint8Array
  readonly provide?: number
  readonly select?: number
  readonly pad?: number
  /** Length fields, if they differ from the actual lengths. */
  readonly padLength?: number
  readonly length?: number
  readonly first?: Buffer
  readonly ciphers?: Ciphers
}

/** Returns the second message of an initiator, with parts that may be invalid. */
function offer({
  vc = Buffer.alloc(8),
  provide = both,
  pad = 0,
  first = Buffer.alloc(0),
  ...given
}: Word = {}) {
  const { ciphers = ciphersOf(RECORDED_HANDSHAKE.secret, INFO_HASH, 'initiator') } = given
  const head = Buffer.alloc(6)
  head.writeUInt32BE(provide)
  head.writeUInt16BE(given.padLength ?? pad, 4)
  const size = Buffer.alloc(2)
  size.writeUInt16BE(given.length ?? first.length)
  const plain = Buffer.concat([vc, head, Buffer.alloc(pad), size, first])
  const mark = masked(torrentMark(INFO_HASH), RECORDED_HANDSHAKE.secret)
  return Buffer.concat([syncMark(RECORDED_HANDSHAKE.secret), mark, ciphers.outgoing.apply(plain)])
}

/** Returns the second message of a receiver. */
function answer({ vc = Buffer.alloc(8), select = rc4, pad = 0, padLength }: Word = {}): Buffer {
  const head = Buffer.alloc(6)
  head.writeUInt32BE(select)
  head.writeUInt16BE(padLength ?? pad, 4)
  const { outgoing } = ciphersOf(RECORDED_HANDSHAKE.secret, INFO_HASH, 'receiver')
  return outgoing.apply(Buffer.concat([vc, head, Buffer.alloc(pad)]))
}

t.test('the receiver sends the same bytes as another implementation with the same key', async t => {
  const side = receiver()
  const end = take(side, Buffer.concat([RECORDED_HANDSHAKE.a, RECORDED_HANDSHAKE.offer]))!
  t.ok(Buffer.concat(side.sent).equals(Buffer.concat([RECORDED_HANDSHAKE.b, RECORDED_HANDSHAKE.answer])))
  t.ok(end.result.payload.equals(PLAIN_HANDSHAKE))
  t.equal(end.result.payload.toString('latin1', 48), '-TR300Z-w4bd4mkebkbi')
  t.same(end.result.infoHash, INFO_HASH)
  t.equal(`${end.result.ciphers!.incoming.apply(Buffer.from(RECORDED_HANDSHAKE.fromA))}`, 'hello from a')
  t.ok(end.result.ciphers!.outgoing.apply(Buffer.from('hello from b')).equals(RECORDED_HANDSHAKE.fromB))
})

t.test('the initiator sends the same bytes as another implementation with the same key', async t => {
  const side = initiator({ provide: rc4 })
  const end = take(side, Buffer.concat([RECORDED_HANDSHAKE.b, RECORDED_HANDSHAKE.answer]))!
  t.ok(Buffer.concat(side.sent).equals(Buffer.concat([RECORDED_HANDSHAKE.a, RECORDED_HANDSHAKE.offer])))
  t.ok(end.result!.outgoing.apply(Buffer.from('hello from a')).equals(RECORDED_HANDSHAKE.fromA))
  t.equal(`${end.result!.incoming.apply(Buffer.from(RECORDED_HANDSHAKE.fromB))}`, 'hello from b')
})

t.test('an unknown torrent is rejected without revealing its info-hash', async t => {
  const side = receiver({ shared: [] })
  t.throws(() => take(side, Buffer.concat([RECORDED_HANDSHAKE.a, RECORDED_HANDSHAKE.offer])), {
    name: 'PeerError',
    code: 'ERR_HANDSHAKE',
    message: /do not share/,
  })
  t.ok(Buffer.concat(side.sent).equals(RECORDED_HANDSHAKE.b), 'only our public key was sent')
})

t.test('public keys that make the secret predictable are rejected, their neighbours are not', async t => {
  const bytesOf = (value: bigint) => hex(value.toString(16).padStart(2 * KEY_LENGTH, '0'))
  for (const bad of [0n, 1n, DH_PRIME - 1n, DH_PRIME, DH_PRIME + 1n, 2n ** 768n - 1n]) {
    t.equal(sharedSecret(KEY_A, bytesOf(bad)), undefined)
    for (const side of [initiator(), receiver()])
      t.throws(() => take<unknown>(side, bytesOf(bad)), { code: 'ERR_HANDSHAKE', message: /public key/ })
  }
  for (const good of [2n, DH_PRIME - 2n]) t.equal(sharedSecret(KEY_A, bytesOf(good))!.length, KEY_LENGTH)
  t.same(publicKey(KEY_A), RECORDED_HANDSHAKE.a)
  t.same(sharedSecret(KEY_A, RECORDED_HANDSHAKE.b), RECORDED_HANDSHAKE.secret)
})

t.test('after a key followed by noise, at most the longest padding and the mark are read', async t => {
  const noisy = noise(2000, 1)
  for (const [side, mark] of [
    [receiver(), 20],
    [initiator(), 8],
  ] as const) {
    let read = 0
    const feed = () => {
      for (; read < 2000; read++) side.exchange.take(noisy.subarray(read, read + 1))
    }
    t.throws(feed, { code: 'ERR_HANDSHAKE', message: /within 512 bytes/ })
    t.equal(read + 1, KEY_LENGTH + 512 + mark)
  }
})

t.test('paddings of 0 and 512 bytes are skipped, 513 bytes are rejected', async t => {
  for (const pad of [0, 1, 512]) {
    const first = Buffer.concat([RECORDED_HANDSHAKE.a, noise(pad, 2)])
    const taken = take(receiver(), Buffer.concat([first, offer({ pad, first: PLAIN_HANDSHAKE })]))!
    t.ok(taken.result.payload.equals(PLAIN_HANDSHAKE), `PadA and PadC of ${pad}`)
    const second = Buffer.concat([
      RECORDED_HANDSHAKE.b,
      noise(pad, 2),
      answer({ pad }),
      RECORDED_HANDSHAKE.fromB,
    ])
    t.equal(
      take(initiator(), second)!.at,
      second.length - RECORDED_HANDSHAKE.fromB.length,
      `PadB and PadD of ${pad}`,
    )
  }
  const long = noise(513, 3)
  const refused = { code: 'ERR_HANDSHAKE' }
  t.throws(() => take(receiver(), Buffer.concat([RECORDED_HANDSHAKE.a, long, offer()])), refused)
  t.throws(() => take(receiver(), Buffer.concat([RECORDED_HANDSHAKE.a, offer({ padLength: 513 })])), refused)
  t.throws(() => take(initiator(), Buffer.concat([RECORDED_HANDSHAKE.b, long, answer()])), refused)
  t.throws(
    () => take(initiator(), Buffer.concat([RECORDED_HANDSHAKE.b, answer({ padLength: 513 })])),
    refused,
  )
})

t.test('an initial payload of any length is the start of the stream', async t => {
  for (const length of [0, 1, 30, 68, 1000, MAX_PAYLOAD]) {
    const first = noise(length, 4)
    for (const provide of [plaintext, rc4]) {
      const ciphers = ciphersOf(RECORDED_HANDSHAKE.secret, INFO_HASH, 'initiator')
      const stream = Buffer.concat([RECORDED_HANDSHAKE.a, offer({ first, provide, ciphers })])
      const more = provide === rc4 ? ciphers.outgoing.apply(Buffer.from('more')) : Buffer.from('more')
      const end = receiver().exchange.take(Buffer.concat([stream, more]))!
      t.ok(end.result.payload.equals(first), `${length} bytes`)
      t.equal(`${end.result.ciphers?.incoming.apply(end.rest) ?? end.rest}`, 'more')
    }
  }
  const tooLong = Buffer.concat([RECORDED_HANDSHAKE.a, offer({ length: MAX_PAYLOAD + 1 })])
  t.throws(() => take(receiver(), tooLong), { code: 'ERR_HANDSHAKE', message: /8193 bytes/ })
})

t.test('plaintext is preferred, and no common method is an error', async t => {
  for (const provide of [0, 1, 2, 3, 4, 7]) {
    for (const allow of [rc4, both, plaintext]) {
      const common = provide & allow & 3
      const side = receiver({ allow })
      const stream = Buffer.concat([RECORDED_HANDSHAKE.a, offer({ provide, first: PLAIN_HANDSHAKE })])
      if (common === 0) t.throws(() => take(side, stream), { code: 'ERR_HANDSHAKE', message: /offers/ })
      else t.equal(take(side, stream)!.result.ciphers === undefined, (common & plaintext) === plaintext)
    }
  }
})

t.test('the selected method must be one of those that were offered', async t => {
  for (const provide of [rc4, both]) {
    for (const select of [0, 1, 2, 3, 4, 0x80000000]) {
      const stream = Buffer.concat([RECORDED_HANDSHAKE.b, answer({ select })])
      const side = initiator({ provide })
      if (select === rc4) t.ok(take(side, stream)!.result)
      else if (select === plaintext && provide === both) t.equal(take(side, stream)!.result, undefined)
      else t.throws(() => take(side, stream), { code: 'ERR_HANDSHAKE', message: /selected/ })
    }
  }
})

t.test('an invalid verification constant is an error', async t => {
  const vc = Buffer.from('0000000000000001', 'hex')
  const wrong = Buffer.concat([RECORDED_HANDSHAKE.a, offer({ vc, first: PLAIN_HANDSHAKE })])
  t.throws(() => take(receiver(), wrong), { message: /verification constant/ })
  const answered = Buffer.concat([RECORDED_HANDSHAKE.b, answer({ vc }), noise(600, 5)])
  t.throws(() => take(initiator(), answered), { code: 'ERR_HANDSHAKE' })
})

t.test('a plain handshake is not taken for a public key, but a key that begins with 0x13 is', async t => {
  t.throws(() => take(initiator(), HANDSHAKE_BYTES), { code: 'ERR_HANDSHAKE', message: /without encryption/ })
  let key = 0
  const own = () => Buffer.alloc(20, key)
  while (publicKey(own())[0] !== 0x13) key++
  const random: Random = length => (length === 20 ? own() : Buffer.alloc(length))
  for (const a of [random, keyed(KEY_A)]) t.ok(join({ random: a }, { random }))
})

t.test('the receiver finds the torrent among three', async t => {
  const shared = [noise(20, 10), noise(20, 11), noise(20, 12)]
  for (const infoHash of shared) t.equal(join({ infoHash }, { shared }).receiver.infoHash, infoHash)
})

/** Runs both sides against each other with random chunks; returns the results. */
function join(
  a: Parameters<typeof initiator>[0] = {},
  b: Parameters<typeof receiver>[0] = {},
  chance = generator(RANDOM_SEED),
) {
  const [one, other] = [initiator(a), receiver(b)]
  let [ciphers, received]: [Ciphers | undefined | null, Received | undefined] = [null, undefined]
  for (let [initiated, answered] = [0, 0]; ciphers === null; ) {
    for (; initiated < one.sent.length; initiated++)
      for (const chunk of cut(one.sent[initiated]!, () => 1 + Math.floor(chance() * 100)))
        received ??= other.exchange.take(chunk)?.result
    if (answered === other.sent.length) throw new Error('deadlock: neither side sends')
    for (; answered < other.sent.length; answered++)
      for (const chunk of cut(other.sent[answered]!, () => 1 + Math.floor(chance() * 100))) {
        const end = one.exchange.take(chunk)
        if (end) ciphers = end.result
      }
  }
  return { initiator: ciphers, receiver: received! }
}

t.test('both sides agree with any random bytes and chunk boundaries', async t => {
  fc.assert(
    fc.property(fc.nat(), fc.integer({ min: 1, max: 3 }), fc.nat(200), (seed, provide, length) => {
      const chance = generator(seed)
      const random: Random = length => Buffer.from(Array.from({ length }, () => Math.floor(chance() * 256)))
      const payload = noise(length, seed)
      const { initiator, receiver } = join({ random, provide, payload }, { random }, chance)
      if (!receiver.payload.equals(payload)) throw new Error('the payload differs')
      if (!initiator !== !receiver.ciphers) throw new Error('the sides disagree about encryption')
      if (!initiator) return (provide & plaintext) === plaintext
      const deciphered = receiver.ciphers!.incoming.apply(initiator.outgoing.apply(Buffer.from('there')))
      const back = initiator.incoming.apply(receiver.ciphers!.outgoing.apply(Buffer.from('back')))
      return `${deciphered} ${back}` === 'there back'
    }),
    { numRuns: 60 },
  )
  t.pass()
})

t.test('hostile bytes give a PeerError or need more input, and little is sent in reply', async t => {
  const words = [
    Buffer.concat([RECORDED_HANDSHAKE.a, offer({ first: PLAIN_HANDSHAKE, pad: 20 })]),
    Buffer.concat([RECORDED_HANDSHAKE.b, answer({ pad: 20 }), RECORDED_HANDSHAKE.fromB]),
  ]
  const edits = fc.array(fc.tuple(fc.nat(), fc.nat(40), fc.uint8Array({ maxLength: 40 })), { maxLength: 3 })
  fc.assert(
    fc.property(fc.constantFrom(0, 1), edits, fc.nat(), fc.boolean(), (which, edits, seed, head) => {
      const bytes = edits.reduce((bytes, [where, drop, put]) => {
        // mostly after the key, since a change of the key hides every other change
        const at = head ? where % bytes.length : Math.min(bytes.length, KEY_LENGTH + (where % bytes.length))
        return Buffer.concat([bytes.subarray(0, at), put, bytes.subarray(at + drop)])
      }, words[which]!)
      const chance = generator(seed)
      const { exchange, sent }: Side<unknown> = which === 0 ? receiver() : initiator()
      try {
        for (const chunk of cut(bytes, () => 1 + Math.floor(chance() ** 2 * 300)))
          if (exchange.take(chunk)) break
      } catch (error) {
        if (!(error instanceof PeerError) || error.code !== 'ERR_HANDSHAKE') throw error
      }
      return Buffer.concat(sent).length <= 2 * KEY_LENGTH + 200
    }),
    { numRuns: 150 },
  )
  t.pass()
})
