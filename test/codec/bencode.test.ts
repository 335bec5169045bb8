import t from 'tap'
import { asBytes, asDict, asInteger, asList, asText, decode, encode, endOf } from '../../src/codec/bencode.ts'

const raw = (spelled: string) => Buffer.from(spelled, 'latin1')
const refused = { name: 'InputError', code: 'ERR_BENCODE' }

t.test('each kind of value is decoded', async t => {
  const value = asDict(decode(raw('d4:listl1:xi-7ee1:ni0e5:outerd5:inneri1eee')))
  t.equal(asInteger(value?.n), 0)
  const list = asList(value?.list)
  t.equal(asText(list?.[0]), 'x')
  t.equal(asInteger(list?.[1]), -7)
  t.equal(asInteger(asDict(value?.outer)?.inner), 1)
})

t.test('a getter returns undefined for a value of another kind', async t => {
  const values = [undefined, 1, raw('x'), [], {}]
  const kinds = [asInteger, asText, asBytes, asList, asDict]
  for (const getter of kinds)
    t.equal(values.filter(value => getter(value) !== undefined).length, 1, getter.name)
})

t.test('invalid bencoding is rejected with the offset of the invalid byte', async t => {
  const cases: [string, string, RegExp][] = [
    ['nothing at all', '', /cut short at byte 0/],
    ['something else', '<html>', /unexpected "<" at byte 0/],
    ['a list without an end', 'li1e', /cut short at byte 4/],
    ['an integer without an end', 'i12', /cut short at byte 3/],
    ['an integer without digits', 'ie', /unexpected "e" at byte 1/],
    ['two minus signs', 'i--1e', /unexpected "-" at byte 2/],
    ['minus zero', 'i-0e', /leading zero at byte 0/],
    ['a leading zero', 'li03ee', /leading zero at byte 1/],
    ['an integer of 2^53', 'i9007199254740992e', /beyond 2\^53 at byte 0/],
    ['a fraction', 'i1.5e', /unexpected "\." at byte 2/],
    ['a string that is cut short', '5:abc', /a string of 5 bytes with 3 left at byte 0/],
    ['a length without a string', '5', /cut short at byte 1/],
    ['a negative length', '-1:a', /unexpected "-" at byte 0/],
    ['a length beyond 2^53', '99999999999999999999:', /a length beyond 2\^53 at byte 0/],
    ['a length with a leading zero', '01:a', /leading zero at byte 0/],
    ['a key without a value', 'd1:ae', /a key without a value at byte 4/],
    ['a key that is not a string', 'di1ei1ee', /unexpected "i" at byte 1/],
    ['a repeated key', 'd1:ai1e1:ai2ee', /repeated key "a" at byte 7/],
    ['trailing bytes', 'i1exx', /2 bytes after the value at byte 3/],
  ]
  for (const [what, spelled, message] of cases)
    t.throws(() => decode(raw(spelled)), { ...refused, message }, what)
})

t.test('the largest safe integers are exact', async t => {
  t.equal(decode(raw('i9007199254740991e')), Number.MAX_SAFE_INTEGER)
  t.equal(decode(raw('i-9007199254740991e')), Number.MIN_SAFE_INTEGER)
})

t.test('nesting is limited, and 100,000 nested lists do not overflow the stack', async t => {
  t.throws(() => decode(raw('l'.repeat(100_000) + 'e'.repeat(100_000))), {
    ...refused,
    message: /deeper than 64/,
  })
  t.doesNotThrow(() => decode(raw('l'.repeat(64) + 'e'.repeat(64))))
  t.throws(() => decode(raw('lllee'), { maxDepth: 2 }), refused)
  t.throws(() => endOf(raw('l'.repeat(100_000)), { maxDepth: Number.POSITIVE_INFINITY }), refused)
})

t.test('the number of values is limited', async t => {
  t.doesNotThrow(() => decode(raw('li1ei2ee'), { maxItems: 3 }))
  t.throws(() => decode(raw('li1ei2ei3ee'), { maxItems: 3 }), { ...refused, message: /more than 3 values/ })
  t.doesNotThrow(() => decode(raw('d1:ai1ee'), { maxItems: 3 }))
  t.throws(() => decode(raw('d1:ai1e1:bi1ee'), { maxItems: 3 }), refused, 'keys count')
})

t.test('unsorted keys are accepted', async t => {
  t.same(decode(raw('d1:bi1e1:ai2ee')), { b: 1, a: 2 })
})

t.test('a __proto__ key changes no prototype at any depth', async t => {
  const value = asDict(decode(raw('d9:__proto__d7:privatei1ee1:ld9:__proto__l1:xeee')))
  t.equal(value?.private, undefined)
  t.equal(Object.getPrototypeOf(value), Object.prototype)
  t.equal(Object.getPrototypeOf(value?.l), Object.prototype)
  t.notOk('private' in {})
})

t.test('two keys that decode to the same name count as a repeated key', async t => {
  const marked = '7:\xef\xbb\xbfinfo'
  t.throws(() => decode(raw(`d4:infoi1e${marked}i2ee`)), { ...refused, message: /repeated key "info"/ })
  t.throws(() => decode(raw('d1:\xffi1e2:ffi2ee')), { ...refused, message: /repeated key "ff"/ })
})

t.test('decoded strings do not change when the input buffer is reused', async t => {
  const input = raw('3:abc')
  const value = decode(input)
  input.fill(0)
  t.equal(asText(value), 'abc')
})

t.test('a view into a larger buffer is decoded within its bounds', async t => {
  t.equal(decode(raw('xxi5exx').subarray(2, 5)), 5)
})

t.test('endOf separates the first value from the bytes after it', async t => {
  const message = raw('d5:piecei0eeDATA')
  t.equal(message.subarray(endOf(message)).toString(), 'DATA')
  t.same(decode(message, { allowTrailing: true }), { piece: 0 })
})

t.test('the first value of a repeated key is used if repeated keys are allowed', async t => {
  const first = { repeatedKeys: 'first' } as const
  t.same(decode(raw('d1:ai1e1:ai2e1:bi3e1:ai4ee'), first), { a: 1, b: 3 })
  t.same(decode(raw('d1:ald1:xi1e1:xi2eee1:ad1:xi1e1:xi2ee1:bi3ee'), first), { a: [{ x: 1 }], b: 3 })
  t.throws(() => decode(raw('d1:ai1e1:ad1:xee'), first), refused, 'the other values are validated too')
})

t.test('keys are encoded in the order of their bytes, not of their UTF-16 code units', async t => {
  t.equal(encode({ b: 1, a: ['x', Buffer.from('y')] }).toString(), 'd1:al1:x1:ye1:bi1ee')
  // U+FF5E comes before U+10000 in bytes, and after its surrogates in UTF-16.
  t.equal(encode({ '\u{10000}': 1, '\uff5e': 2 }).toString(), 'd3:\uff5ei2e4:\u{10000}i1ee')
})

t.test('undefined entries are omitted, and string lengths are in bytes', async t => {
  t.equal(encode({ a: undefined, b: 'ü' }).toString(), 'd1:b2:üe')
})

t.test('a number without an exact encoding is rejected', async t => {
  for (const number of [1.5, Number.NaN, 2 ** 53]) t.throws(() => encode(number), refused, String(number))
})
