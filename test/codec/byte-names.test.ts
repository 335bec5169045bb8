import fc from 'fast-check'
import t from 'tap'
import { bytesOfName, nameOfBytes, systemPath } from '../../src/codec/byte-names.ts'

t.test('any bytes survive the conversion to a name and back', async () => {
  const likely = fc.array(fc.constantFrom(0x61, 0xc3, 0xa9, 0xe2, 0x82, 0xac, 0xf0, 0x9f, 0x98, 0x80, 0xff), {
    maxLength: 12,
  })
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array({ maxLength: 40 }),
        likely.map(bytes => Uint8Array.from(bytes)),
      ),
      bytes => {
        const name = nameOfBytes(bytes)
        return bytesOfName(name).equals(bytes) && Buffer.from(systemPath(name) as string).equals(bytes)
      },
    ),
    { numRuns: 2000 },
  )
})

t.test('valid UTF-8 is decoded unchanged', async t => {
  for (const text of ['a', 'déjà', '😀', '\u{10ffff}', '']) {
    t.equal(nameOfBytes(Buffer.from(text)), text)
    t.equal(systemPath(text), text)
    t.same(bytesOfName(text), Buffer.from(text))
  }
  t.equal(nameOfBytes(Buffer.from([0x61, 0xff, 0xc3, 0xa9, 0xc3])), 'a\udcffé\udcc3')
})
