import t from 'tap'
import { Tiers } from '../../src/discovery/tiers.ts'

/** Random numbers that do not change the order of a tier. */
const still = () => 0.999_999

t.test('trackers are tried tier by tier, without empty tiers', async t => {
  t.same(new Tiers([['a', 'b'], [], ['c']], still).order(), ['a', 'b', 'c'])
  t.same(new Tiers([], still).order(), [])
  t.same(new Tiers([[], []], still).order(), [])
})

t.test('trackers are shuffled within their tiers, and every order is possible', async t => {
  const seen = new Set<string>()
  for (let one = 0; one < 3; one++) {
    for (let two = 0; two < 2; two++) {
      const chance = [one / 3, two / 2]
      seen.add(new Tiers([['a', 'b', 'c'], ['d']], () => chance.shift() ?? 0).order().join(''))
    }
  }
  t.same([...seen].sort(), ['abcd', 'acbd', 'bacd', 'bcad', 'cabd', 'cbad'])
  t.same(new Tiers([['a', 'b']], () => 1).order().sort(), ['a', 'b'], 'chance out of range loses nothing')
})

t.test('a tracker that answered goes to the front of its tier, as in the examples of BEP 12', async t => {
  const tiers = new Tiers([['1', '2', '3'], ['backup']], still)
  tiers.promote('2')
  t.same(tiers.order(), ['2', '1', '3', 'backup'])
  tiers.promote('3')
  t.same(tiers.order(), ['3', '2', '1', 'backup'])
  tiers.promote('backup')
  t.same(tiers.order(), ['3', '2', '1', 'backup'], 'never out of its tier')
  tiers.promote('unknown')
  t.same(tiers.order(), ['3', '2', '1', 'backup'])
})

t.test('the given tiers are not changed', async t => {
  const original = [['a', 'b']]
  new Tiers(original, () => 0).promote('b')
  t.same(original, [['a', 'b']])
})
