import fc from 'fast-check'
import t from 'tap'
import { encode } from '../../src/codec/bencode.ts'
import type { Contact } from '../../src/dht/contact.ts'
import { decodeContacts, encodeContacts } from '../../src/dht/contact.ts'
import {
  type Call,
  type DhtReply,
  decodeKrpc,
  encodeQuery,
  encodeRefusal,
  encodeReply,
  type KrpcMessage,
  MAX_DATAGRAM,
  MAX_SENT_DATAGRAM,
} from '../../src/dht/krpc.ts'

const id = Buffer.from('abcdefghij0123456789')
const infoHash = Buffer.from('mnopqrstuvwxyz123456')
const transaction = Buffer.from('aa')
const bytes8 = Buffer.alloc(8, 5)
const at = { host: '20.1.2.3', port: 6881 }
const runs = { seed: 20240901, numRuns: 1_500 }
const readReply = (dict: Parameters<typeof encode>[0]) => decodeKrpc(encode(dict)) as DhtReply
const read = (text: string) => decodeKrpc(Buffer.from(text, 'latin1')) as never as Record<string, unknown>

t.test('the examples in BEP 5 are decoded', async t => {
  const query = (call: object) => ({ type: 'query', transaction, id, readOnly: false, call })
  const ping = 'd1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe'
  t.match(read(ping), query({ method: 'ping' }))
  const findNode =
    'd1:ad2:id20:abcdefghij01234567896:target20:mnopqrstuvwxyz123456e1:q9:find_node1:t2:aa1:y1:qe'
  t.match(read(findNode), query({ method: 'find_node', target: infoHash }))
  const getPeers =
    'd1:ad2:id20:abcdefghij01234567899:info_hash20:mnopqrstuvwxyz123456e1:q9:get_peers1:t2:aa1:y1:qe'
  t.match(read(getPeers), query({ method: 'get_peers', infoHash }))
  const announce =
    'd1:ad2:id20:abcdefghij012345678912:implied_porti1e9:info_hash20:mnopqrstuvwxyz1234564:porti6881e5:token8:aoeusnthe1:q13:announce_peer1:t2:aa1:y1:qe'
  const token = Buffer.from('aoeusnth')
  t.match(read(announce), query({ method: 'announce_peer', infoHash, port: 6881, impliedPort: true, token }))
  const withPeers =
    'd1:rd2:id20:abcdefghij01234567895:token8:aoeusnth6:valuesl6:axje.u6:idhtnmee1:t2:aa1:y1:re'
  const values = [
    { host: '97.120.106.101', port: 0x2e75 },
    { host: '105.100.104.116', port: 0x6e6d },
  ]
  t.match(read(withPeers), { type: 'reply', transaction, id, token, values, nodes: {} })
  const error = 'd1:eli201e23:A Generic Error Ocurrede1:t2:aa1:y1:ee'
  t.match(read(error), { type: 'refusal', code: 201, message: 'A Generic Error Ocurred' })
})

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length }).map(Buffer.from)
const port = fc.integer({ min: 1, max: 65535 })
const host4 = bytes(4).map(bytes => bytes.join('.'))
const host6 = fc.nat(0xfffe).map(group => `2600:db8::${(group + 1).toString(16)}`)
const contact = (host: fc.Arbitrary<string>) => fc.record({ id: bytes(20), host, port })
const want = fc.option(fc.constantFrom<(4 | 6)[]>([4], [6], [4, 6]), { nil: undefined })
const wanting = want.map(want => (want ? { want } : {}))
const call: fc.Arbitrary<Call> = fc.oneof(
  fc.constant({ method: 'ping' as const }),
  fc.tuple(bytes(20), wanting).map(([target, want]) => ({ method: 'find_node' as const, target, ...want })),
  fc
    .tuple(bytes(20), wanting)
    .map(([infoHash, want]) => ({ method: 'get_peers' as const, infoHash, ...want })),
  fc.record({
    method: fc.constant('announce_peer' as const),
    infoHash: bytes(20),
    port,
    impliedPort: fc.boolean(),
    token: bytes(8),
  }),
)
/** Formats a value as text, with bytes in hex and sorted keys. */
const plain = (value: unknown): string =>
  JSON.stringify(value, (_, inner) => {
    if (inner instanceof Uint8Array) return Buffer.from(inner).toString('hex')
    if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) return inner
    return Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
  })

t.test('encoded messages are decoded back', async t => {
  fc.assert(
    fc.property(bytes(4), bytes(20), call, fc.boolean(), (transaction, id, call, readOnly) => {
      const message = { transaction, id, call, readOnly }
      return plain(decodeKrpc(encodeQuery(message))) === plain({ type: 'query', ...message })
    }),
    { ...runs, numRuns: 300 },
  )
  const refusal = { transaction, code: 204, message: 'unknown method' }
  t.match(decodeKrpc(encodeRefusal(refusal)), { ...refusal, type: 'refusal' })
})

t.test('a reply has as many peers as fit into 1,024 bytes', async t => {
  const families = fc.constantFrom(4, 6)
  fc.assert(
    fc.property(
      fc.array(contact(host4), { maxLength: 8 }),
      fc.array(contact(host6), { maxLength: 8 }),
      families.chain(family =>
        fc.array(fc.record({ host: family === 4 ? host4 : host6, port }), { maxLength: 120 }),
      ),
      bytes(32),
      (four, six, values, transaction) => {
        const given = { transaction, id, nodes: { 4: four, 6: six }, values, token: bytes8, ip: at }
        const datagram = encodeReply(given)
        const reply = decodeKrpc(datagram)
        if (reply?.type !== 'reply' || datagram.length > MAX_SENT_DATAGRAM) return false
        const fits = plain(reply.values) === plain(values.slice(0, reply.values.length))
        const whole = reply.values.length === values.length || datagram.length > MAX_SENT_DATAGRAM - 30
        return (
          fits && whole && plain(reply.nodes) === plain({ 4: four, 6: six }) && plain(reply.ip) === plain(at)
        )
      },
    ),
    { ...runs, numRuns: 200 },
  )
  t.pass()
})

t.test('only a read-only node sends ro', async t => {
  const query = (readOnly: boolean) => encodeQuery({ transaction, id, readOnly, call: { method: 'ping' } })
  t.match(query(true).toString('latin1'), /2:roi1e/)
  t.notMatch(query(false).toString('latin1'), /2:ro/)
})

t.test('peers of both families are decoded, and invalid ones omitted', async t => {
  const values = [Buffer.alloc(6, 1), Buffer.alloc(18, 0x20), Buffer.alloc(7, 1), 5, [], Buffer.alloc(6), '']
  const message = readReply({ t: 'x', y: 'r', r: { id, values } })
  t.match(message, {
    values: [
      { host: '1.1.1.1', port: 257 },
      { host: /^2020:2020/, port: 0x2020 },
    ],
  })
  t.equal(message.values.length, 2)
  const many = Array.from({ length: 400 }, (_, index) => Buffer.from([9, 9, index >> 8, index & 255, 1, 1]))
  t.equal(readReply({ t: 'x', y: 'r', r: { id, values: many } }).values.length, 200)
})

t.test('up to sixteen complete nodes with a port are decoded', async t => {
  const one: Contact = { id, host: '1.2.3.4', port: 9 }
  const packed = encodeContacts([one, { ...one, host: '2600:db8::1' }, { ...one, host: 'a.name' }], 4)
  t.equal(packed.length, 26)
  t.same(decodeContacts(Buffer.concat([packed, packed.subarray(0, 25)]), 4, 16), [one])
  t.same(decodeContacts(Buffer.alloc(26), 4, 16), [], 'port 0')
  const mapped = Buffer.concat([id, Buffer.alloc(10), Buffer.from([255, 255, 1, 2, 3, 4, 0, 9])])
  t.same(decodeContacts(mapped, 6, 16), [], 'an IPv4-mapped address is not an IPv6 node')
  const reply = readReply({ t: 'x', y: 'r', r: { id, nodes: Buffer.alloc(26 * 40, 1) } })
  t.equal(reply.nodes[4]?.length, 16)
})

t.test('an invalid query gets an error message, and any other datagram no reply', async t => {
  const ask = (fields: object) => decodeKrpc(encode({ t: 'x', y: 'q', q: 'ping', a: { id }, ...fields }))
  const announce = { id, info_hash: infoHash, token: 'x' }
  const nonsense: [object, number][] = [
    [{ q: 'vote' }, 204],
    [{ a: {} }, 203],
    [{ a: { id: 'short' } }, 203],
    [{ q: 5 }, 203],
    [{ q: 'find_node' }, 203],
    [{ q: 'get_peers', a: { id, info_hash: 'short' } }, 203],
    [{ q: 'announce_peer', a: { ...announce, port: 0 } }, 203],
    [{ q: 'announce_peer', a: { ...announce, port: 65536 } }, 203],
    [{ q: 'announce_peer', a: { ...announce, port: 1, token: Buffer.alloc(65) } }, 203],
    [{ q: 'announce_peer', a: { id, info_hash: infoHash, port: 1 } }, 203],
  ]
  for (const [fields, code] of nonsense)
    t.match(ask(fields), { type: 'nonsense', code }, JSON.stringify(fields))
  const silent = [
    { t: '' },
    { t: Buffer.alloc(33) },
    { t: 5 },
    { y: 'x' },
    { y: 'r', r: {} },
    { y: 'r', r: { id: 'x' } },
  ]
  for (const fields of silent) t.equal(ask(fields), undefined, JSON.stringify(fields))
  t.equal(decodeKrpc(Buffer.alloc(MAX_DATAGRAM + 1, 'd')), undefined)
  t.equal(decodeKrpc(Buffer.from('d'.repeat(2_000))), undefined)
  t.equal(decodeKrpc(Buffer.alloc(0)), undefined)
})

t.test('random datagrams never throw, and decoded messages are valid', async t => {
  const good = [
    encodeQuery({ transaction, id, readOnly: true, call: { method: 'get_peers', infoHash, want: [4, 6] } }),
    encodeReply({
      transaction,
      id,
      nodes: { 4: [{ id, ...at }], 6: [{ id, host: '2600:db8::1', port: 1 }] },
      values: [at],
      token: bytes8,
      ip: at,
    }),
    encodeRefusal({ transaction, code: 201, message: 'no' }),
  ]
  const mutated = fc
    .tuple(
      fc.constantFrom(...good),
      fc.array(fc.tuple(fc.nat(200), fc.nat(3), fc.uint8Array({ maxLength: 6 })), {
        minLength: 1,
        maxLength: 4,
      }),
    )
    .map(([bytes, edits]) =>
      edits.reduce(
        (b, [at, cut, put]) => Buffer.concat([b.subarray(0, at), put, b.subarray(at + cut)]),
        bytes,
      ),
    )
  const leaf = fc.oneof(fc.maxSafeInteger(), fc.string({ maxLength: 20 }), bytes(20), bytes(26), bytes(6))
  const field = fc.oneof(leaf, fc.array(leaf, { maxLength: 4 }))
  const fields = (keys: string[], value: fc.Arbitrary<unknown>) =>
    fc.record(Object.fromEntries(keys.map(key => [key, value])), { requiredKeys: [] })
  const inner = fields(
    ['id', 'target', 'info_hash', 'token', 'port', 'nodes', 'nodes6', 'values', 'want'],
    field,
  )
  const odd = fc
    .tuple(fields(['t', 'q', 'e', 'ip', 'ro'], field), fc.constantFrom('q', 'r', 'e'), inner)
    .map(([outer, y, inner]) =>
      encode({ t: 'aa', ...outer, y, a: inner, r: inner } as Parameters<typeof encode>[0]),
    )
  const isSound = (message: KrpcMessage | undefined) => {
    if (!message) return true
    if (message.transaction.length < 1 || message.transaction.length > 32) return false
    if (message.type === 'query') return message.id.length === 20
    if (message.type !== 'reply')
      return typeof message.code === 'number' && typeof message.message === 'string'
    const contacts = [...(message.nodes[4] ?? []), ...(message.nodes[6] ?? [])]
    const isPort = (port: number) => port > 0 && port < 65536
    return message.id.length === 20 && [...contacts, ...message.values].every(({ port }) => isPort(port))
  }
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 300 }), mutated, odd), datagram =>
      isSound(decodeKrpc(datagram)),
    ),
    runs,
  )
  t.pass()
})
