import fc from 'fast-check'
import t from 'tap'
import { type BencodeValue, encode } from '../../src/codec/bencode.ts'
import { TsdlError } from '../../src/errors.ts'
import { parse } from '../../src/metainfo/parse.ts'
import { torrentOf } from '../../src/metainfo/torrent.ts'
import { anyCharacter } from '../helpers/any-character.ts'
import { makeTorrent } from '../helpers/metainfo.ts'

type File = { length: number; path: string[] }

/** Returns the files of a torrent with these entries, or the error. `more` is added to each entry. */
function filesOf(name: string, files: readonly File[], portableNames: boolean, more: object) {
  const length = files.reduce((sum, file) => sum + file.length, 0)
  const info = {
    name,
    'piece length': 2 ** 20,
    pieces: Buffer.alloc(Math.ceil(length / 2 ** 20) * 20),
    files: files.map(file => ({ ...file, ...more })),
  }
  try {
    const metainfo = parse(encode({ info } as unknown as BencodeValue), { portableNames, platform: 'linux' })
    return { files: metainfo.files.map(file => ({ ...file })), warnings: metainfo.warnings }
  } catch (error) {
    if (!(error instanceof TsdlError)) throw error
    return { code: error.code, message: error.message }
  }
}

const names = fc.oneof(
  fc.string({ maxLength: 12 }),
  fc.string({ unit: anyCharacter, maxLength: 6 }),
  fc.constantFrom('.', '..', '', 'con', 'NUL.txt', 'a.', 'b ', 'A', 'a', 'x'.repeat(255), 'x'.repeat(256)),
)
const entries = fc.array(
  fc.record({
    length: fc.nat(10 ** 6),
    path: fc.oneof(
      fc.array(names, { minLength: 1, maxLength: 4 }),
      fc.nat(130).map(depth => Array.from({ length: depth + 1 }, () => 'd')),
      fc.nat(8).map(depth => Array.from({ length: depth + 1 }, () => 'x'.repeat(200))),
    ),
  }),
  { minLength: 1, maxLength: 5 },
)

t.test('a file that has a length and a path only is read as one that has other keys too', t => {
  fc.assert(
    fc.property(entries, fc.constantFrom('root', 'röot', 'a'), fc.boolean(), (files, name, portable) => {
      // With this key the entry is read by the general code.
      const general = filesOf(name, files, portable, { zz: 1 })
      t.same(filesOf(name, files, portable, {}), general)
    }),
    { numRuns: 500 },
  )
  t.end()
})

t.test('a length that is no exact number is an error', t => {
  const torrent = encode({
    info: { name: 'a', 'piece length': 1, pieces: '', files: [{ length: 1, path: ['b'] }] },
  } as unknown as BencodeValue)
  const large = Buffer.from(torrent.toString('latin1').replace('lengthi1e', `lengthi${10 ** 15}9e`), 'latin1')
  t.throws(() => parse(large), { code: 'ERR_BENCODE', message: 'beyond 2^53' })
  t.end()
})

t.test('a number beyond 2^53 beside info is ignored', t => {
  const torrent = torrentOf(makeTorrent({ files: [{ path: 'a', length: 1 }] }).metainfo)
  const info = torrent.subarray(torrent.indexOf('4:info'))
  const beside = Buffer.from(`d1:ai-${10 ** 15}00000e13:creation datei${10 ** 15}00000e`)
  const { warnings, name } = parse(Buffer.concat([beside, info]))
  t.equal(name, 'a')
  t.strictSame(warnings, ['creation date: 100000000000000000000 is not a valid date, ignored'])
  t.end()
})
