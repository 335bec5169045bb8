import t from 'tap'
import { moduleLoop, plainLoop, Rc4 } from '../../src/codec/rc4.ts'
import { instantiate } from '../../src/codec/rc4-module.ts'
import { generator } from '../helpers/feed.ts'
import { noise } from '../helpers/metainfo.ts'
import { RANDOM_SEED } from '../helpers/random-seed.ts'

const loops = { plain: plainLoop, module: moduleLoop(instantiate()) }

/** From RFC 6229: a key, and the keystream at 0, 1024 and 4096. */
const TEST_VECTORS = [
  [
    '0102030405',
    'b2396305f03dc027ccc3524a0a1118a8',
    '30abbcc7c20b01609f23ee2d5f6bb7df',
    'ff25b58995996707e51fbdf08b34d875',
  ],
  [
    '0102030405060708090a0b0c0d0e0f10',
    '9ac7cc9a609d1ef7b2932899cde41b97',
    'bdf0324e6083dcc6d3cedd3ca8c53c16',
    'a36a4c301ae8ac13610ccbc12256cacc',
  ],
] as const

for (const [name, loop] of Object.entries(loops)) {
  t.test(`the ${name} loop reproduces the keystream of RFC 6229 with calls of any length`, async t => {
    for (const [key, ...expected] of TEST_VECTORS) {
      for (const cut of [1, 7, 63, 64, 65, 1000, 5000]) {
        const rc4 = new Rc4(Buffer.from(key, 'hex'), 0, loop)
        const stream = Buffer.alloc(5000)
        for (let at = 0; at < 5000; at += cut) rc4.apply(stream.subarray(at, at + cut))
        const found = [0, 1024, 4096].map(at => stream.toString('hex', at, at + 16))
        t.strictSame(found, expected, `${key} cut every ${cut}`)
      }
      const later = new Rc4(Buffer.from(key, 'hex'), 1024, loop)
      t.equal(
        later.apply(Buffer.alloc(16)).toString('hex'),
        expected[1],
        'the first 1024 bytes are discarded',
      )
    }
  })
}

t.test('both loops give the same bytes, alternating, also beyond the memory of the module', async t => {
  const chance = generator(RANDOM_SEED)
  const bytes = noise(300_000, 5)
  const [one, other] = [new Rc4(noise(20, 6), 768, loops.plain), new Rc4(noise(20, 6), 768, loops.module)]
  // a second cipher on the same module must not affect the first
  const between = new Rc4(noise(20, 7), 0, loops.module)
  for (let at = 0; at < bytes.length; ) {
    const end = at + 1 + Math.floor(chance() ** 4 * 120_000)
    const expected = one.apply(Buffer.from(bytes.subarray(at, end)))
    between.apply(Buffer.alloc(100))
    if (!other.apply(bytes.subarray(at, end)).equals(expected)) t.fail(`from ${at} to ${end}`)
    at = end
  }
  t.pass()
})

t.test('the same operation encrypts and decrypts', async t => {
  const bytes = noise(100_001, 8)
  const enciphered = new Rc4(Buffer.from('key')).apply(Buffer.from(bytes))
  t.notOk(enciphered.equals(bytes))
  t.ok(new Rc4(Buffer.from('key')).apply(enciphered).equals(bytes))
})
