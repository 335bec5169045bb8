import fc from 'fast-check'
import t from 'tap'
import { encode } from '../../src/codec/bencode.ts'
import { Bitfield } from '../../src/codec/bitfield.ts'
import { parseExtendedHandshake } from '../../src/codec/extended.ts'
import { PeerError } from '../../src/errors.ts'
import { Framer, type FramerOptions } from '../../src/streams/peer/framer.ts'
import type { Incoming } from '../../src/streams/peer/incoming.ts'
import type { PieceBuffer } from '../../src/streams/piece-buffer.ts'
import { cut, generator, run } from '../helpers/feed.ts'
import { HANDSHAKE_BYTES, msg, pieceMsg, UNCHOKE_BYTES, u32 } from '../helpers/wire.ts'

const runs = { numRuns: 500 }
const MAX_LENGTH = 200
const MAX_BLOCK = 100

const seed = fc.nat(0xffffffff)
/** Splits `bytes` into copied chunks with random boundaries. */
function cuts(bytes: Uint8Array, seed: number): Uint8Array[] {
  const chance = generator(seed)
  return cut(bytes, () => 1 + Math.floor(chance() ** 3 * 64))
}

const { allocUnsafe, allocUnsafeSlow, alloc } = Buffer
/** Runs a framer; returns its messages and its peak memory. */
async function frame(bytes: Uint8Array, seed: number, options: FramerOptions = {}) {
  let maxMemory = 0
  const watch = (make: (size: number, fill?: number) => Buffer) => (size: number, fill?: number) => {
    maxMemory = Math.max(maxMemory, size)
    return make(size, fill)
  }
  const chunks = cuts(bytes, seed)
  Object.assign(Buffer, {
    alloc: watch(alloc),
    allocUnsafe: watch(allocUnsafe),
    allocUnsafeSlow: watch(allocUnsafeSlow),
  })
  try {
    const framer = new Framer({ maxLength: MAX_LENGTH, maxBlock: MAX_BLOCK, ...options })
    return { ...(await run<Incoming>(framer, chunks)), maxMemory }
  } finally {
    Object.assign(Buffer, { alloc, allocUnsafe, allocUnsafeSlow })
  }
}

function check({ items, error, maxMemory }: Awaited<ReturnType<typeof frame>>): void {
  if (error && !(error instanceof PeerError)) throw error
  if (maxMemory > MAX_LENGTH) throw new Error(`${maxMemory} bytes taken at once`)
  for (const item of items) {
    if (item.type === 'piece' && item.length > MAX_BLOCK) throw new Error(`a block of ${item.length} bytes`)
    if (item.type === 'bitfield' && item.bytes.length >= MAX_LENGTH)
      throw new Error('a bitfield beyond the limit')
  }
}

const u32s = fc.oneof(
  fc.nat(20),
  fc.constantFrom(0x7fffffff, 0x80000000, 0xffffffff, 16384),
  fc.nat(0xffffffff),
)
/** Messages of peers, some with an invalid length for their id. */
const message = fc.oneof(
  fc.constantFrom(u32(0), msg(0), UNCHOKE_BYTES, msg(2), msg(3), msg(14), msg(15)),
  u32s.map(index => msg(4, u32(index))),
  fc.uint8Array({ maxLength: 30 }).map(bytes => msg(5, bytes)),
  fc.tuple(fc.constantFrom(6, 8), u32s, u32s, u32s).map(([id, ...ref]) => msg(id, u32(...ref))),
  fc
    .tuple(u32s, u32s, fc.uint8Array({ maxLength: MAX_BLOCK }))
    .map(([index, begin, data]) => pieceMsg(index, begin, data)),
  fc.nat(0xffff).map(port => msg(9, u32(port).subarray(2))),
  fc.tuple(fc.nat(255), fc.uint8Array({ maxLength: 60 })).map(([id, bytes]) => msg(20, [id, ...bytes])),
)
const oddMessage = fc
  .tuple(fc.oneof(fc.nat(24), fc.nat(255)), fc.uint8Array({ maxLength: 40 }))
  .map(([id, bytes]) => msg(id, bytes))
const conversation = fc
  .array(message, { maxLength: 20 })
  .map(parts => Buffer.concat([HANDSHAKE_BYTES, ...parts]))
const mutated = fc
  .tuple(
    conversation,
    fc.array(fc.tuple(fc.nat(), fc.nat(3), fc.uint8Array({ maxLength: 8 })), { minLength: 1, maxLength: 4 }),
  )
  .map(([bytes, edits]) =>
    edits.reduce((bytes, [where, drop, put]) => {
      const at = where % (bytes.length + 1)
      return Buffer.concat([bytes.subarray(0, at), put, bytes.subarray(at + drop)])
    }, bytes),
  )

t.test('random bytes in random chunks give messages or one PeerError, and use little memory', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ maxLength: 400 }),
      seed,
      fc.boolean(),
      async (bytes, seed, handshake) => {
        check(await frame(bytes, seed, { handshake }))
      },
    ),
    runs,
  )
})

t.test('messages of any id and length give messages or one PeerError', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof(message, oddMessage), { maxLength: 12 }),
      seed,
      async (parts, seed) => {
        check(await frame(Buffer.concat(parts), seed, { handshake: false }))
      },
    ),
    runs,
  )
})

t.test('a valid stream gives every message for any chunk boundaries', async t => {
  await fc.assert(
    fc.asyncProperty(fc.array(message, { maxLength: 20 }), seed, async (parts, seed) => {
      const fed = await frame(Buffer.concat([HANDSHAKE_BYTES, ...parts]), seed)
      check(fed)
      if (fed.error) throw fed.error
      if (fed.items.length !== parts.length + 1) throw new Error(`${fed.items.length - 1} of ${parts.length}`)
    }),
    runs,
  )
  t.pass()
})

t.test('a damaged stream gives messages or one PeerError', async () => {
  await fc.assert(
    fc.asyncProperty(mutated, seed, async (bytes, seed) => check(await frame(bytes, seed))),
    runs,
  )
})

t.test('a damaged stream gives the same result for any chunk boundaries', async () => {
  await fc.assert(
    fc.asyncProperty(mutated, seed, async (bytes, seed) => {
      const [one, other] = [await frame(bytes, seed), await frame(bytes, seed + 1)]
      if (`${one.error}` !== `${other.error}`) throw new Error(`${one.error}, or ${other.error}`)
      if (!one.error && JSON.stringify(one.items) !== JSON.stringify(other.items))
        throw new Error('not the same')
    }),
    { numRuns: 300 },
  )
})

t.test('blocks are written only within their buffers for any messages', async () => {
  await fc.assert(
    fc.asyncProperty(
      mutated,
      seed,
      fc.array(fc.boolean(), { minLength: 1, maxLength: 5 }),
      async (bytes, seed, takes) => {
        const wanted: { memory: Buffer; length: number; piece: PieceBuffer }[] = []
        let asked = 0
        const places = {
          place(index: number, begin: number, length: number) {
            if (!takes[asked++ % takes.length]) return null
            const memory = Buffer.alloc(length + 20, 0xee)
            // a piece so large that only this block has memory
            const data = { set: (part: Uint8Array, at: number) => memory.set(part, 10 + at - begin) }
            const piece = { index, data } as unknown as PieceBuffer
            wanted.push({ memory, length, piece })
            return piece
          },
        }
        const { error, items } = await frame(bytes, seed, { places })
        if (error && !(error instanceof PeerError)) throw error
        for (const { memory, length } of wanted) {
          for (const around of [memory.subarray(0, 10), memory.subarray(10 + length)])
            if (around.some(byte => byte !== 0xee)) throw new Error('written outside of its place')
        }
        const passed = items.flatMap(item => (item.type === 'blocks' ? item.blocks : []))
        if (!error && passed.length < wanted.length - 1) throw new Error('a complete block was not passed on')
        passed.forEach(({ piece, length }, at) => {
          if (piece !== wanted[at]!.piece || length !== wanted[at]!.length) throw new Error('another block')
        })
      },
    ),
    { numRuns: 300 },
  )
})

t.test('a random extended handshake never throws and has only valid fields', async () => {
  const leaf = fc.oneof(fc.maxSafeInteger(), fc.string({ maxLength: 20 }), fc.uint8Array({ maxLength: 100 }))
  const dict = fc.record(
    { m: fc.oneof(leaf, fc.dictionary(fc.string({ maxLength: 5 }), leaf)), reqq: leaf, v: leaf, p: leaf },
    { requiredKeys: [] },
  )
  const good = dict.map(dict => encode(dict) as Uint8Array)
  const bad = fc.tuple(good, fc.nat(), fc.nat(255)).map(([bytes, at, byte]) => {
    const copy = Buffer.from(bytes)
    copy[at % copy.length] = byte
    return copy
  })
  fc.assert(
    fc.property(fc.oneof(good, bad, fc.uint8Array({ maxLength: 200 })), payload => {
      const { client, reqq } = parseExtendedHandshake(payload)
      if (client !== undefined && (client === '' || client.length > 64 || /\p{Cc}/u.test(client)))
        return false
      return reqq === undefined || (Number.isSafeInteger(reqq) && reqq > 0)
    }),
    { numRuns: 2_000 },
  )
})

t.test('a random bitfield gives a PeerError or has exactly the pieces that it counts', async () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 20 }), fc.nat(170), (bytes, size) => {
      let bits: Bitfield
      try {
        bits = Bitfield.from(bytes, size)
      } catch (error) {
        return error instanceof PeerError
      }
      const pieces = [...bits]
      return (
        pieces.length === bits.count &&
        pieces.every(
          (piece, at) => piece < size && bits.has(piece) && (at === 0 || pieces[at - 1]! < piece),
        ) &&
        Buffer.compare(bits.bytes, bytes) === 0
      )
    }),
    { numRuns: 2_000 },
  )
})
