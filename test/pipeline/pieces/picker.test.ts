import fc from 'fast-check'
import t from 'tap'
import { Bitfield } from '../../../src/codec/bitfield.ts'
import { Cursors } from '../../../src/pipeline/pieces/cursors.ts'
import { Picker, type PiecePriority } from '../../../src/pipeline/pieces/picker.ts'
import { generator } from '../../helpers/feed.ts'
import { growth, PROPORTIONAL_RATIO } from '../../helpers/growth.ts'

function bitsOf(size: number, has: Iterable<number> | ((index: number) => boolean)): Bitfield {
  const bits = new Bitfield(size)
  if (typeof has === 'function') {
    for (let index = 0; index < size; index++) if (has(index)) bits.add(index)
  } else for (const index of has) bits.add(index)
  return bits
}

type PiecePriorities = (PiecePriority | 0)[]

/** A slow and simple model of the picker. */
class Model {
  readonly peers = new Map<number, Bitfield>()
  readonly begun = new Set<number>()
  readonly done = new Set<number>()
  /** The priority of each piece; 0 for one that is not wanted. */
  readonly priorities: PiecePriorities
  readonly size: number

  constructor(size: number, wanted: (index: number) => boolean) {
    this.size = size
    this.priorities = Array.from({ length: size }, (_, index) => (wanted(index) ? 2 : 0))
  }

  wanted(index: number): boolean {
    return this.priorities[index]! > 0
  }

  /** Returns the pieces of the highest priority among these. */
  urgent(pieces: readonly number[]): number[] {
    const highest = Math.max(...pieces.map(index => this.priorities[index]!))
    return pieces.filter(index => this.priorities[index] === highest)
  }

  all(met: (index: number) => boolean): number[] {
    return Array.from({ length: this.size }, (_, index) => index).filter(met)
  }

  get candidates(): number[] {
    return this.all(index => this.wanted(index) && !this.begun.has(index) && !this.done.has(index))
  }

  /** Returns the number of peers that have a piece. A seed adds one to every piece. */
  count(index: number): number {
    return [...this.peers.values()].filter(bits => bits.has(index)).length
  }

  /** Returns all pieces that are valid picks. */
  rarest(bits: Bitfield): number[] {
    const theirs = this.urgent(this.candidates.filter(index => bits.has(index)))
    const minimum = Math.min(...theirs.map(index => this.count(index)))
    return theirs.filter(index => this.count(index) === minimum)
  }

  inOrder(bits: Bitfield): number {
    return this.urgent(this.candidates.filter(index => bits.has(index)))[0] ?? -1
  }

  /**
   * Returns the pieces that readers at these positions need first, each within `ahead`, in any order for equal
   * distances.
   */
  near(bits: Bitfield, readers: readonly { at: number; end: number }[], ahead: number): number[] {
    const theirs = this.candidates.filter(index => bits.has(index))
    for (let distance = 0; distance < ahead; distance++) {
      const found = theirs.filter(index =>
        readers.some(({ at, end }) => index === at + distance && index < end),
      )
      if (found.length > 0) return found
    }
    return []
  }
}

type Step = readonly [
  name: 'join' | 'leave' | 'gain' | 'lose' | 'rejoin' | 'begin' | 'again' | 'finish' | 'forget' | 'select',
  peer: number,
  index: number,
  chance: number,
]

/** Many haves, so that peers become seeds. */
const gains = Array<'gain'>(8).fill('gain')
const sizes = fc.oneof(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 20 }))

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.tuple(
    fc.constantFrom(
      'join',
      'leave',
      ...gains,
      'lose',
      'lose',
      'rejoin',
      'begin',
      'begin',
      'again',
      'finish',
      'forget',
      'select',
    ),
    fc.nat(4),
    fc.nat(19),
    fc.nat(1000),
  ) as fc.Arbitrary<Step>,
  { maxLength: 80, size: 'max' },
)

/** Applies one step to both. Impossible steps, such as the departure of an unknown peer, are skipped. */
function apply(picker: Picker, model: Model, [name, peer, at, chance]: Step): void {
  const index = at % model.size
  const bits = model.peers.get(peer)
  const random = generator(chance)
  const some = () => bitsOf(model.size, () => chance % 5 === 0 || random() < 0.5)
  if (name === 'join' && !bits) {
    model.peers.set(peer, some())
    picker.addPeer(model.peers.get(peer)!)
  } else if (name === 'leave' && bits) {
    model.peers.delete(peer)
    picker.removePeer(bits)
  } else if (name === 'rejoin' && bits) {
    picker.removePeer(bits)
    model.peers.set(peer, some())
    picker.addPeer(model.peers.get(peer)!)
  } else if (name === 'gain' && bits?.add(index)) {
    picker.addCopy(index, bits)
  } else if (name === 'lose' && bits?.delete(index)) {
    picker.removeCopy(index, bits)
  } else if (name === 'begin' && bits) {
    const picked = picker.pick(bits)
    if (picked < 0) return
    model.begun.add(picked)
    picker.begin(picked)
  } else if (name === 'again' && model.begun.delete(index)) {
    picker.putBack(index)
  } else if (name === 'finish' && !model.done.has(index)) {
    model.begun.delete(index)
    model.done.add(index)
    picker.markDone(index)
  } else if (name === 'forget' && model.done.delete(index)) {
    picker.markMissing(index)
  } else if (name === 'select') {
    for (let piece = 0; piece < model.size; piece++) {
      if (random() < 0.5) model.priorities[piece] = Math.floor(random() * 4) as PiecePriority | 0
      if (model.priorities[piece] === 0) model.begun.delete(piece) // as the scheduler does
    }
    picker.setPriorities(piece => model.priorities[piece]!)
  }
}

t.test(
  'after any changes, the pick is a rarest piece that the peer has and that is not in progress',
  async t => {
    fc.assert(
      fc.property(steps, sizes, fc.nat(), (steps, size, seed) => {
        const wanted = (index: number) => index % 7 !== 3
        const model = new Model(size, wanted)
        const picker = new Picker({ pieceCount: size, wanted, random: generator(seed) })
        for (const step of steps) {
          apply(picker, model, step)
          if (picker.left !== model.candidates.length) throw new Error(`left ${picker.left} after ${step}`)
          const open = model.all(index => picker.isOpen(index))
          if (`${open}` !== `${model.candidates}`) throw new Error(`open [${open}] after ${step}`)
          for (const bits of model.peers.values()) {
            const right = model.rarest(bits)
            const picked = picker.pick(bits)
            if (right.length ? !right.includes(picked) : picked !== -1) {
              throw new Error(`picked ${picked}, not one of [${right}], after ${step}`)
            }
          }
        }
      }),
      { seed: 20240601, numRuns: 500 },
    )
    t.pass()
  },
)

t.test('in order, the pick is the lowest piece that the peer has', async t => {
  fc.assert(
    fc.property(steps, sizes, (steps, size) => {
      const wanted = (index: number) => index % 7 !== 0
      const model = new Model(size, wanted)
      const picker = new Picker({ pieceCount: size, wanted, sequential: true })
      for (const step of steps) {
        apply(picker, model, step)
        for (const bits of model.peers.values()) {
          const right = model.inOrder(bits)
          const picked = picker.pick(bits)
          if (picked !== right) throw new Error(`picked ${picked}, not ${right}, after ${step}`)
        }
      }
    }),
    { seed: 20240602, numRuns: 300 },
  )
  t.pass()
})

const readers = fc.array(fc.record({ at: fc.nat(19), length: fc.integer({ min: 1, max: 12 }) }), {
  minLength: 1,
  maxLength: 4,
})

t.test(
  'pieces that readers need soon come first, the nearest before all; on demand there are no others',
  async t => {
    fc.assert(
      fc.property(
        steps,
        readers,
        fc.integer({ min: 1, max: 20 }),
        fc.boolean(),
        (steps, readers, room, onDemand) => {
          const size = 20
          const model = new Model(size, () => true)
          const cursors = new Cursors(room)
          const places = readers.map(({ at, length }) => ({ at, end: Math.min(size, at + length) }))
          for (const { at, end } of places) cursors.open(at, end)
          const ahead = Math.max(1, Math.floor(room / readers.length))
          const picker = new Picker({ pieceCount: size, cursors, onDemand })
          for (const step of steps) {
            apply(picker, model, step)
            for (const bits of model.peers.values()) {
              const near = model.near(bits, places, ahead)
              const right = near.length > 0 || onDemand ? near : model.rarest(bits)
              const picked = picker.pick(bits)
              if (right.length ? !right.includes(picked) : picked !== -1) {
                throw new Error(`picked ${picked}, not one of [${right}], after ${step}`)
              }
              if (onDemand && picked >= 0 && !picker.isOpen(picked)) throw new Error(`${picked} is not open`)
            }
          }
        },
      ),
      { seed: 20240604, numRuns: 300 },
    )
    t.pass()
  },
)

t.test(
  'a peer that is too slow for the next piece begins one further ahead, or the furthest possible',
  async t => {
    const cursors = new Cursors(4)
    const cursor = cursors.open(2, 10)
    const picker = new Picker({ pieceCount: 12, cursors, onDemand: true })
    const all = Bitfield.full(12)
    t.same(
      [0, 1, 3, 9].map(lateness => picker.pick(all, undefined, lateness)),
      [2, 3, 5, 5],
    )
    picker.begin(4)
    picker.begin(5)
    t.equal(picker.pick(all, undefined, 2), 3, 'the furthest that is left')
    cursors.move(cursor, 8, true)
    t.equal(picker.pick(all, undefined, 3), 9, 'not beyond its end')
    cursors.close(cursor)
    t.equal(picker.pick(all), -1)
    t.equal(picker.isOpen(3), false)
  },
)

t.test('the version increases whenever a peer that found nothing might find something', async t => {
  for (const sequential of [false, true]) {
    fc.assert(
      fc.property(steps, sizes, (steps, size) => {
        const model = new Model(size, () => true)
        const picker = new Picker({ pieceCount: size, random: generator(1), sequential })
        for (const step of steps) {
          const before = picker.version
          const barren = [...model.peers].filter(([, bits]) => picker.pick(bits) < 0)
          apply(picker, model, step)
          for (const [peer, bits] of barren) {
            if (model.peers.get(peer) === bits && picker.pick(bits) >= 0 && picker.version === before) {
              throw new Error(`no news for a peer after ${step}`)
            }
          }
        }
      }),
      { seed: 20240603, numRuns: 300 },
    )
  }
  t.pass()
})

t.test('a piece that a peer must avoid is skipped, even if it is the rarest', async t => {
  const picker = new Picker({ pieceCount: 3, random: generator(1) })
  picker.addPeer(bitsOf(3, [1, 2]))
  picker.addPeer(bitsOf(3, [1]))
  const bits = bitsOf(3, [1, 2])
  t.equal(picker.pick(bits), 2)
  t.equal(
    picker.pick(bits, index => index === 2),
    1,
  )
  t.equal(
    picker.pick(bits, () => true),
    -1,
  )
})

t.test('equally rare pieces are picked at random', async t => {
  const orders = new Set<number>()
  for (let seed = 0; seed < 200; seed++) {
    const picker = new Picker({ pieceCount: 8, random: generator(seed) })
    orders.add(picker.pick(bitsOf(8, () => true)))
  }
  t.equal(orders.size, 8, 'every piece is first at some time')
})

t.test('with a hundred thousand pieces, adding a seed is free and a pick examines one piece', async t => {
  const pieceCount = 100_000
  const picker = new Picker({ pieceCount, random: generator(1) })
  let looked = 0
  const seed = bitsOf(pieceCount, () => true)
  const counting = new Proxy(seed, {
    get(target, key) {
      if (key === 'has') return (index: number) => ++looked && target.has(index)
      if (key === Symbol.iterator) throw new Error('all pieces of a seed were examined')
      return Reflect.get(target, key, target)
    },
  })
  for (let peers = 0; peers < 1000; peers++) picker.addPeer(counting)
  for (let picks = 0; picks < 1000; picks++) picker.begin(picker.pick(counting))
  t.ok(looked <= 1000, `${looked} looks for 1000 picks`)
  for (let peers = 0; peers < 1000; peers++) picker.removePeer(counting)
})

t.test(
  'a have, a pick and a departure cost the same with a hundred thousand pieces as with a quarter of them',
  async t => {
    const fetchAll = (pieceCount: number) => {
      const picker = new Picker({ pieceCount, random: generator(1) })
      const bits = new Bitfield(pieceCount)
      picker.addPeer(bits)
      for (let index = 0; index < pieceCount; index++) {
        bits.add(index)
        picker.addCopy(index, bits)
      }
      for (let index = 0; index < pieceCount; index++) {
        const picked = picker.pick(bits)
        picker.begin(picked)
        if (index % 10 === 0) {
          picker.putBack(picked)
          picker.begin(picked)
        }
        picker.markDone(picked)
      }
      t.equal(picker.pick(bits), -1)
      t.equal(picker.left, 0)
    }
    const times = growth(fetchAll, 25_000)
    t.ok(times < PROPORTIONAL_RATIO, `${times} times the cost for four times the pieces`)
  },
)

t.test('a piece that a peer lost becomes rarer, also if that peer was a seed', async t => {
  const picker = new Picker({ pieceCount: 4, random: generator(1) })
  const [seed, other] = [Bitfield.full(4), bitsOf(4, [0, 1])]
  picker.addPeer(seed)
  picker.addPeer(other)
  picker.addPeer(bitsOf(4, [1]))
  seed.delete(1)
  picker.removeCopy(1, seed)
  t.ok([2, 3].includes(picker.pick(seed)), 'those that one has')
  seed.delete(0)
  picker.removeCopy(0, seed)
  t.equal(picker.pick(other), 0, 'one has 0, two have 1')
})

t.test('a piece is open until it is begun, and again after it is given up, if it is wanted', async t => {
  const picker = new Picker({ pieceCount: 3, wanted: index => index !== 1, random: generator(1) })
  const open = () => [0, 1, 2].filter(index => picker.isOpen(index))
  t.same(open(), [0, 2])
  picker.begin(0)
  t.same(open(), [2])
  picker.putBack(0)
  t.same(open(), [0, 2])
  picker.markDone(2)
  t.same(open(), [0])
})
