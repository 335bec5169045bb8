import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import t from 'tap'
import { asBytes, type BencodeValue, decode, type Encodable, encode } from '../../src/codec/bencode.ts'
import { Scan } from '../../src/codec/bencode-scan.ts'
import { decodePeers4, decodePeers6, formatAddress, parseAddress } from '../../src/codec/compact.ts'
import { runAtOnce } from '../../src/codec/steps.ts'
import { InputError } from '../../src/errors.ts'
import { Layout } from '../../src/metainfo/layout.ts'
import { parse } from '../../src/metainfo/parse.ts'
import { placePaths } from '../../src/metainfo/paths.ts'
import { anyCharacter } from '../helpers/any-character.ts'
import { inProject } from '../helpers/project.ts'
import { HYBRID_PIECE_LENGTH, hybridFiles, hybridInfo, v2Torrent } from '../helpers/v2-torrent.ts'

// fast-check prints the seed and the smallest case when a property fails.
const runs = { numRuns: 300 }
const torrents = [
  ...['single', 'multi'].map(name => readFileSync(inProject(`fixtures/transmission-${name}.torrent`))),
  ...[{}, hybridInfo].map(info => v2Torrent(hybridFiles, HYBRID_PIECE_LENGTH, { info })),
]

/** Returns the result of `call`, or undefined if it threw an InputError of one line. Other errors are rethrown. */
function survive<T>(call: () => T): T | undefined {
  try {
    return call()
  } catch (error) {
    if (error instanceof InputError && !/[\p{Cc}\u202e]/u.test(error.message)) return undefined
    throw error
  }
}

/** Bytes that resemble bencoding more often than random bytes do. */
const tokens = fc
  .array(
    fc.constantFrom('d', 'l', 'e', 'i', '0', '1', '-', '4:info', '5:files', '1:a', '0:', ':', '9:__proto__'),
    {
      maxLength: 60,
    },
  )
  .map(parts => Buffer.from(parts.join('')))

const anyBytes = fc.oneof(
  tokens,
  fc.uint8Array({ maxLength: 200 }).map(it => Buffer.from(it)),
)

t.test('random bytes decode to a value that survives encoding and decoding, or are rejected', async () => {
  fc.assert(
    fc.property(anyBytes, input => {
      const value = survive(() => decode(input))
      survive(() => runAtOnce(new Scan(input, { maxDepth: 8, maxItems: 1000 }).dict(0, new Set(['info']))))
      survive(() => decode(input, { repeatedKeys: 'first', allowTrailing: true }))
      survive(() => parse(input))
      if (value === undefined) return
      const again = decode(encode(value))
      return encode(again).equals(encode(value))
    }),
    runs,
  )
})

const encodable = fc.letrec<{ value: Encodable }>(tie => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.maxSafeInteger(),
    fc.uint8Array({ maxLength: 20 }).map(it => Buffer.from(it)),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(
      fc.string({ unit: anyCharacter }).filter(key => key !== '__proto__' && !/[\ufeff\ufffd]/.test(key)),
      tie('value'),
      { maxKeys: 4, noNullPrototype: true },
    ),
  ),
})).value

/** Converts every byte string to a Buffer, as in `encodable`. */
function plain(value: BencodeValue): unknown {
  if (typeof value === 'number') return value
  if (Array.isArray(value)) return value.map(plain)
  return (
    asBytes(value) ??
    Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner as BencodeValue)]))
  )
}

t.test('an encoded value is decoded back', async t => {
  fc.assert(
    fc.property(encodable, value => {
      const spelled = encode(value)
      const decoded = decode(spelled)
      return encode(decoded).equals(spelled) && t.same(plain(decoded), value)
    }),
    { numRuns: 150 },
  )
})

const mutation = fc.record({
  at: fc.nat(),
  remove: fc.nat({ max: 8 }),
  insert: fc.oneof(
    fc.constantFrom('', 'd', 'l', 'e', 'i-1e', '0', '9', '2:..', ':', '/'),
    fc.string({ maxLength: 4 }),
  ),
})

t.test(
  'a torrent with a few changed bytes is parsed or rejected, and a parsed one has a valid layout',
  async () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...torrents),
        fc.array(mutation, { minLength: 1, maxLength: 4 }),
        (torrent, mutations) => {
          let input = torrent
          for (const { at, remove, insert } of mutations) {
            // mostly before the hashes, where a change has an effect
            const from = at % Math.min(input.length, 400)
            input = Buffer.concat([
              input.subarray(0, from),
              Buffer.from(insert),
              input.subarray(from + remove),
            ])
          }
          const it = survive(() => parse(input))
          if (it === undefined) return
          const spans = new Layout(it).spans(0, it.length)
          const paths = it.files.filter(file => !file.pad).map(file => file.path)
          return (
            spans.reduce((sum, span) => sum + span.length, 0) === it.length &&
            it.hashes.length === (it.format === 'v2' ? 0 : it.pieceCount * 20) &&
            (it.pieceNodes?.length ?? it.pieceCount * 32) === it.pieceCount * 32 &&
            new Set(paths).size === paths.length
          )
        },
      ),
      { numRuns: 1000 },
    )
  },
)

t.test(
  'paths for random names are distinct, below the directory, and unchanged by a second pass',
  async () => {
    const nasty = fc.constantFrom(
      'a',
      'A',
      'a ',
      'é',
      'e\u0301',
      '.',
      '..',
      '',
      'con',
      'x:y',
      '\u202e',
      'a (1)',
      '...',
    )
    const name = fc.oneof(
      nasty,
      fc.string({ unit: anyCharacter, maxLength: 300 }),
      fc.uint8Array({ maxLength: 5 }),
    )
    const path = fc.array(name, { minLength: 1, maxLength: 3 })
    fc.assert(
      fc.property(fc.array(path, { minLength: 1, maxLength: 6 }), fc.boolean(), (raw, portable) => {
        const made = survive(() =>
          runAtOnce(
            placePaths(
              raw.map(names => ({ where: 'x', names: names.map(it => Buffer.from(it as string)) })),
              () => {},
              portable,
            ),
          ),
        )
        if (made === undefined) return
        const again = runAtOnce(
          placePaths(
            made.map(one => ({ where: 'x', names: one.split('/').map(it => Buffer.from(it)) })),
            () => {},
            portable,
          ),
        )
        const folded = made.map(one => one.normalize('NFC').toLowerCase())
        return (
          again.join('\n') === made.join('\n') &&
          new Set(folded).size === made.length &&
          !folded.some(one => folded.some(other => other.startsWith(`${one}/`))) &&
          made.every(one =>
            one
              .split('/')
              .every(
                it =>
                  it !== '' &&
                  !(portable ? /^\.+$|[\p{Cc}\\:]/u : /^\.\.?$|\p{Cc}/u).test(it) &&
                  Buffer.byteLength(it) <= 255,
              ),
          )
        )
      }),
      { numRuns: 1000 },
    )
  },
)

t.test('the spans of any range of any layout cover it exactly, in order', async () => {
  const layouts = fc.record({
    lengths: fc.array(fc.oneof(fc.constant(0), fc.nat({ max: 50 })), { minLength: 1, maxLength: 20 }),
    pieceLength: fc.integer({ min: 1, max: 40 }),
    from: fc.double({ min: 0, max: 1, noNaN: true }),
    to: fc.double({ min: 0, max: 1, noNaN: true }),
  })
  fc.assert(
    fc.property(layouts, ({ lengths, pieceLength, from, to }) => {
      let total = 0
      const files = lengths.map(length => {
        const file = { path: '', length, offset: total, pad: false, executable: false, hidden: false }
        total += length
        return file
      })
      const layout = new Layout({ files, length: total, pieceLength })
      const [position, end] = [Math.floor(from * total), Math.floor(to * total)].sort((a, b) => a - b) as [
        number,
        number,
      ]
      let at = 0
      for (const span of layout.spans(position, end - position)) {
        const inside = span.length > 0 && span.offset >= 0 && span.offset + span.length <= span.file.length
        if (!inside || span.at !== at || span.file !== files[span.fileIndex]) return false
        if (span.file.offset + span.offset !== position + at) return false
        if (layout.fileOf(position + at) !== span.fileIndex) return false
        at += span.length
      }
      let pieces = 0
      for (let index = 0; index < layout.pieceCount; index++) pieces += layout.pieceSize(index)
      return at === end - position && pieces === total
    }),
    runs,
  )
})

t.test('random compact peers are decoded, and every encoded address is decoded back', async () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), input => {
      const peers = [...decodePeers4(input), ...decodePeers6(input)]
      return peers.every(peer => {
        const { host, port } = parseAddress(formatAddress(peer))
        return host === peer.host && port === peer.port
      })
    }),
    runs,
  )
})

t.test('random text is parsed as an address or rejected', async () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.ipV6().map(it => `[${it}]:80`),
        fc.ipV4().map(it => `${it}:80`),
      ),
      input => {
        const address = survive(() => parseAddress(input))
        return (
          address === undefined ||
          formatAddress(parseAddress(formatAddress(address))) === formatAddress(address)
        )
      },
    ),
    runs,
  )
})
