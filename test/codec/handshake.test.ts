import t from 'tap'
import {
  decodeHandshake,
  encodeHandshake,
  HANDSHAKE_LENGTH,
  reservedBytes,
  supports,
} from '../../src/codec/handshake.ts'
import { HANDSHAKE_BYTES, INFO_HASH, PEER_ID } from '../helpers/wire.ts'

t.test('a handshake is 68 bytes: 0x13, the protocol, flags, info-hash, peer id', async t => {
  const reserved = reservedBytes('extended')
  t.same(encodeHandshake({ infoHash: INFO_HASH, peerId: PEER_ID, reserved }), HANDSHAKE_BYTES)
  t.equal(HANDSHAKE_BYTES.length, HANDSHAKE_LENGTH)
})

t.test('an encoded handshake is decoded back', async t => {
  const { type, infoHash, peerId, reserved } = decodeHandshake(HANDSHAKE_BYTES)
  t.equal(type, 'handshake')
  t.same([...infoHash], [...INFO_HASH])
  t.same([...peerId], [...PEER_ID])
  t.same([...reserved], [0, 0, 0, 0, 0, 0x10, 0, 0])
})

t.test('a decoded handshake does not change when the input buffer is reused', async t => {
  const bytes = Buffer.from(HANDSHAKE_BYTES)
  const { infoHash, peerId } = decodeHandshake(bytes)
  bytes.fill(0xee)
  t.same([...infoHash], [...INFO_HASH])
  t.same([...peerId], [...PEER_ID])
})

t.test('a change of any of the first 20 bytes is rejected', async t => {
  for (let at = 0; at < 20; at++) {
    const bytes = Buffer.from(HANDSHAKE_BYTES)
    bytes[at]! ^= 1
    t.throws(() => decodeHandshake(bytes), { name: 'PeerError', code: 'ERR_HANDSHAKE' }, `byte ${at}`)
  }
})

t.test('the error quotes the first bytes on one line', async t => {
  const bytes = Buffer.alloc(68)
  bytes.write('HTTP/1.1 400 Bad Request\r\n')
  bytes[12] = 10
  t.throws(() => decodeHandshake(bytes), { message: /begins with "HTTP\/1\.1 400\\nBad Req"$/ })
})

t.test('with all reserved bits set, the known flags are set and the others ignored', async t => {
  const bytes = Buffer.from(HANDSHAKE_BYTES)
  bytes.fill(0xff, 20, 28)
  t.equal(supports(decodeHandshake(bytes).reserved, 'extended'), true)
  t.equal(supports(decodeHandshake(bytes).reserved, 'fast'), true)
})

t.test('the flag of the extension protocol is bit 0x10 of byte 5 only', async t => {
  t.equal(supports(new Uint8Array(8), 'extended'), false)
  t.equal(supports(new Uint8Array(8).fill(0xff).with(5, 0xef), 'extended'), false)
  t.same([...reservedBytes()], [0, 0, 0, 0, 0, 0, 0, 0])
  t.same([...reservedBytes('extended')], [0, 0, 0, 0, 0, 0x10, 0, 0])
})

t.test('the flag of the fast extension is bit 0x04 of byte 7 only', async t => {
  t.equal(supports(new Uint8Array(8), 'fast'), false)
  t.equal(supports(new Uint8Array(8).fill(0xff).with(7, 0xfb), 'fast'), false)
  t.same([...reservedBytes('fast')], [0, 0, 0, 0, 0, 0, 0, 0x04])
  t.same([...reservedBytes('fast', 'extended')], [0, 0, 0, 0, 0, 0x10, 0, 0x04])
})
