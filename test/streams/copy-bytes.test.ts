import t from 'tap'
import { copyBytes } from '../../src/streams/copy-bytes.ts'
import { noise } from '../helpers/metainfo.ts'

const CONTENT_LENGTH = 1000

for (const [name, allocate] of [
  ['private memory', () => Buffer.alloc(CONTENT_LENGTH)],
  ['shared memory', () => Buffer.from(new SharedArrayBuffer(CONTENT_LENGTH))],
  ['shared memory without a Buffer', () => new Uint8Array(new SharedArrayBuffer(CONTENT_LENGTH))],
  [
    'a part of shared memory',
    () => Buffer.from(new SharedArrayBuffer(2 * CONTENT_LENGTH), 300, CONTENT_LENGTH),
  ],
] as const)
  t.test(`bytes are copied to ${name} at every alignment, and nothing around them changes`, async t => {
    const bytes = noise(500, 1)
    for (const from of [0, 1, 5, 13])
      for (const at of [0, 3, 8, CONTENT_LENGTH - 487])
        for (const length of [0, 1, 7, 487 - from]) {
          const target = allocate()
          const part = bytes.subarray(from, from + length)
          copyBytes(part, target, at)
          const expected = Buffer.alloc(CONTENT_LENGTH)
          expected.set(part, at)
          if (Buffer.compare(target, expected) !== 0) t.fail(`${length} bytes from ${from} to ${at}`)
        }
    t.throws(() => copyBytes(bytes, allocate(), CONTENT_LENGTH - 499), RangeError)
  })
