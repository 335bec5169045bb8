import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import t from 'tap'
import {
  encodeMetadataMessage,
  type MetadataMessage,
  parseMetadataMessage,
} from '../../src/codec/metadata.ts'

const read = (text: string) => parseMetadataMessage(Buffer.from(text, 'latin1'))

t.test('messages are encoded as in BEP 9', async t => {
  t.equal(`${encodeMetadataMessage({ type: 'request', piece: 0 })}`, 'd8:msg_typei0e5:piecei0ee')
  t.equal(`${encodeMetadataMessage({ type: 'reject', piece: 7 })}`, 'd8:msg_typei2e5:piecei7ee')
  const data = Buffer.from('xx')
  t.equal(
    `${encodeMetadataMessage({ type: 'data', piece: 1, totalSize: 16_386, data })}`,
    'd8:msg_typei1e5:piecei1e10:total_sizei16386eexx',
  )
})

t.test('encoded messages are decoded back', async () => {
  const plain = { noNullPrototype: true }
  const piece = fc.nat(65_535)
  const data = fc.uint8Array({ minLength: 1, maxLength: 16_384 }).map(bytes => Buffer.from(bytes))
  const message: fc.Arbitrary<MetadataMessage> = fc.oneof(
    fc.record({ type: fc.constantFrom('request' as const, 'reject' as const), piece }, plain),
    fc.record({ type: fc.constant('data' as const), piece, totalSize: fc.nat(), data }, plain),
  )
  fc.assert(
    fc.property(message, message => {
      const found = parseMetadataMessage(encodeMetadataMessage(message))
      return isDeepStrictEqual(found, message)
    }),
    { numRuns: 50 },
  )
})

t.test('bytes after a request and unknown keys are ignored', async t => {
  t.strictSame(read('d8:msg_typei0e5:piecei3e1:xi1eerest'), { type: 'request', piece: 3 })
  t.strictSame(read('d8:msg_typei1e5:piecei0eeabc'), { type: 'data', piece: 0, data: Buffer.from('abc') })
})

t.test('invalid messages are ignored', async t => {
  for (const text of [
    '',
    'x',
    'de',
    'le',
    'i1e',
    '3:abc',
    'd8:msg_typei0ee',
    'd5:piecei0ee',
    'd8:msg_typei3e5:piecei0ee',
    'd8:msg_typei-1e5:piecei0ee',
    'd8:msg_type1:05:piecei0ee',
    'd8:msg_typei0e5:piecei-1ee',
    'd8:msg_typei0e5:piecei2147483648ee',
    'd8:msg_typei0e5:piecei9223372036854775808ee',
    'd8:msg_typei1e5:piecei0e10:total_sizei5ee',
    `d8:msg_typei1e5:piecei0e10:total_sizei5ee${'x'.repeat(16_385)}`,
    `d8:msg_typei0e5:piecei0e1:x20000:${'x'.repeat(20_000)}e`,
    `${'l'.repeat(1000)}${'e'.repeat(1000)}`,
    `d8:msg_typei0e5:piecei0e1:xl${'i1e'.repeat(1000)}ee`,
  ])
    t.equal(read(text), undefined, text.slice(0, 50))
})

t.test('random bytes never throw', async () => {
  const begun = fc.uint8Array().map(rest => Buffer.concat([Buffer.from('d8:msg_typei1e5:piecei'), rest]))
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), begun), payload => {
      const message = parseMetadataMessage(payload)
      return message === undefined || (message.piece >= 0 && message.piece <= 65_535)
    }),
  )
})
