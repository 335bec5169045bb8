import t from 'tap'
import { Bitfield } from '../../src/codec/bitfield.ts'

const bad = { name: 'PeerError', code: 'ERR_MESSAGE' }

t.test('the high bit of the first byte is piece 0', async t => {
  const bits = new Bitfield(10)
  bits.add(0)
  bits.add(9)
  t.same([...bits.bytes], [0x80, 0x40])
  t.same([...Bitfield.from(Buffer.from([0x81, 0x40]), 10)], [0, 7, 9])
})

t.test('adding a piece that is present returns false and changes nothing', async t => {
  const bits = new Bitfield(9)
  t.equal(bits.add(8), true)
  t.equal(bits.add(8), false)
  t.equal(bits.count, 1)
})

t.test('an index out of range is never present and cannot be added', async t => {
  const bits = new Bitfield(9)
  for (const index of [9, 15, 16, 0x7fffffff, 0xffffffff, -1]) {
    t.equal(bits.add(index), false, `add ${index}`)
    t.equal(bits.has(index), false, `has ${index}`)
  }
  t.equal(bits.count, 0)
  t.equal(bits.bytes.length, 2)
})

t.test('a bitfield is full when it has every piece, without the spare bits', async t => {
  const bits = new Bitfield(11)
  for (let index = 0; index < 10; index++) bits.add(index)
  t.equal(bits.full, false)
  bits.add(10)
  t.equal(bits.full, true)
  t.equal(Bitfield.from(Buffer.from([0xff, 0xe0]), 11).full, true)
  t.equal(Bitfield.from(Buffer.from([0xff, 0xc0]), 11).full, false)
})

t.test('pieces in a range are counted', async t => {
  const bits = new Bitfield(37)
  for (const index of [0, 3, 7, 8, 15, 16, 17, 31, 36]) bits.add(index)
  const listed = [...bits]
  for (let start = 0; start <= 37; start++)
    for (let end = start; end <= 40; end++) {
      const expected = listed.filter(index => index >= start && index < end).length
      if (bits.countBetween(start, end) !== expected) t.fail(`${start} to ${end}`)
    }
  t.equal(bits.countBetween(0, 37), 9)
})

t.test('iteration yields the pieces in order, as many as count', async t => {
  for (const size of [1, 7, 8, 9, 64, 65]) {
    const bytes = Buffer.alloc(Math.ceil(size / 8), 0xff)
    bytes[bytes.length - 1]! &= 0xff << (bytes.length * 8 - size)
    const bits = Bitfield.from(bytes, size)
    t.same(
      [...bits],
      Array.from({ length: size }, (_, index) => index),
    )
    t.equal(bits.count, size)
    t.equal(bits.full, true)
  }
})

t.test('a bitfield that is one byte too short or too long is rejected', async t => {
  for (const [length, size] of [
    [0, 1],
    [1, 9],
    [2, 17],
    [2, 8],
    [3, 9],
    [1000, 9],
  ] as const) {
    t.throws(() => Bitfield.from(Buffer.alloc(length), size), bad, `${length} bytes for ${size} pieces`)
  }
  t.throws(() => Bitfield.from(Buffer.alloc(3), 9), {
    message: 'bitfield of 3 bytes, expected 2 for 9 pieces',
  })
})

t.test('a bitfield with a spare bit set is rejected', async t => {
  for (let size = 1; size < 8; size++) {
    for (let bit = size; bit < 8; bit++) {
      t.throws(() => Bitfield.from(Buffer.from([0x80 >> bit]), size), bad, `bit ${bit} of ${size}`)
    }
    t.doesNotThrow(() => Bitfield.from(Buffer.from([0x80 >> (size - 1)]), size))
  }
  t.throws(() => Bitfield.from(Buffer.from([0x0f]), 7), bad, '0f for 7 pieces')
})

t.test('a decoded bitfield is a copy', async t => {
  const bytes = Buffer.from([0x80])
  const bits = Bitfield.from(bytes, 8)
  bytes.fill(0)
  t.equal(bits.has(0), true)
})

t.test('an encoded bitfield has zero spare bits and a rounded-up length', async t => {
  const bits = new Bitfield(13)
  for (let index = 0; index < 20; index++) bits.add(index)
  t.same([...bits.bytes], [0xff, 0xf8])
})

t.test('a piece can be removed once', async t => {
  const bits = new Bitfield(10)
  for (const index of [0, 8, 9]) bits.add(index)
  t.equal(bits.delete(8), true)
  t.equal(bits.delete(8), false)
  t.equal(bits.delete(1), false)
  for (const index of [10, 15, 16, 0xffffffff, -1]) t.equal(bits.delete(index), false, `${index}`)
  t.same([...bits], [0, 9])
  t.equal(bits.count, 2)
})

t.test('a clone is equal and then independent', async t => {
  const bits = Bitfield.from(Buffer.from([0x81, 0x40]), 10)
  const other = bits.clone()
  t.same([...other], [0, 7, 9])
  t.equal(other.count, 3)
  t.equal(other.size, 10)
  other.delete(0)
  other.add(1)
  t.same([...bits], [0, 7, 9])
  t.equal(bits.count, 3)
  bits.add(2)
  t.same([...other], [1, 7, 9])
})

t.test('a full bitfield has every piece and no spare bit', async t => {
  for (let size = 1; size < 34; size++) {
    const bits = Bitfield.full(size)
    t.equal(bits.full, true)
    t.equal(bits.count, size)
    t.same([...bits].length, size, `${size} pieces`)
    t.doesNotThrow(() => Bitfield.from(bits.bytes, size), `${size} pieces go over the wire`)
    t.equal(bits.delete(size - 1), true)
    t.equal(bits.full, false)
  }
})
