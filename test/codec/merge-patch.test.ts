import fc from 'fast-check'
import t from 'tap'
import { applyMergePatch, createMergePatch, type JsonObject } from '../../src/codec/merge-patch.ts'

t.test('a patch has changed values, new values, and null for removed ones', async t => {
  const before = { name: 'a', peers: 3, rows: { x: { down: 1, up: 2 }, y: { down: 3 } }, labels: ['one'] }
  const after = { name: 'a', rows: { x: { down: 5, up: 2 }, z: { down: 0 } }, labels: ['one', 'two'] }
  t.strictSame(createMergePatch(before, after), {
    peers: null,
    rows: { x: { down: 5 }, y: null, z: { down: 0 } },
    labels: ['one', 'two'],
  })
  t.equal(createMergePatch(before, structuredClone(before)), undefined)
})

t.test('an object without changes stays the same object', async t => {
  const before = { rows: { x: { down: 1 }, y: { down: 3 } } }
  const after = applyMergePatch(before, { rows: { x: { down: 2 } } })
  t.strictSame(after, { rows: { x: { down: 2 }, y: { down: 3 } } })
  t.equal(after.rows.y, before.rows.y)
  t.equal(before.rows.x.down, 1)
})

t.test('a patch of any two objects leads from one to the other', async () => {
  const value = fc.letrec(tie => ({
    leaf: fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.array(fc.integer(), { maxLength: 3 })),
    object: fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.oneof(tie('leaf'), tie('object')), {
      maxKeys: 3,
      noNullPrototype: true,
    }),
  })).object as fc.Arbitrary<JsonObject>
  fc.assert(
    fc.property(value, value, (before, after) => {
      const patch = createMergePatch(before, after)
      const result = patch ? applyMergePatch(before, JSON.parse(JSON.stringify(patch))) : before
      t.strictSame(result, after)
    }),
  )
})
