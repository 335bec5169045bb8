import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { MerkleHasher, NODE_LENGTH } from '../../src/codec/merkle.ts'
import { InputError } from '../../src/errors.ts'
import { metainfoOf, parseMagnet } from '../../src/metainfo/magnet.ts'
import { openMetainfo, parse, parseInfo } from '../../src/metainfo/parse.ts'
import { MODULE_ARGUMENTS, moduleOf } from '../helpers/project.ts'

/** The measurements of a child process that opens a torrent. */
interface Report {
  readonly files?: number
  readonly error?: string
  /** Peak memory while it is opened, in bytes per byte of the torrent. */
  readonly memory: number
  /** The longest turn of the event loop, as a fraction of the time to open it. */
  readonly longestTurn: number
}

/** Megabytes of the child's old space. A bomb without a bound aborts the child. */
const HEAP_MB = 256
/** Megabytes of the child's young space. Node 24 would otherwise fill more of it with garbage before a collection. */
const YOUNG_MB = 8

const text = (value: string) => `${Buffer.byteLength(value)}:${value}`
const pieces = (count: number) => `6:pieces${count * 20}:${'x'.repeat(count * 20)}`

/** Joins the parts. It joins a thousand at once, because a garbage collector copies all live parts repeatedly. */
function repeat(count: number, part: (index: number) => string): string {
  const joined: string[] = []
  for (let start = 0; start < count; start += 1000) {
    const length = Math.min(1000, count - start)
    joined.push(Array.from({ length }, (_, index) => part(start + index)).join(''))
  }
  return joined.join('')
}

/** Returns a torrent of one byte, with additional fields in `info` and beside it. */
const single = (inside = '', around = '', name = 'a') =>
  Buffer.from(`d${around}4:infod6:lengthi1e4:name${text(name)}12:piece lengthi16384e${pieces(1)}${inside}ee`)

/** Returns a torrent of files of a byte each. */
function directory(count: number, path: (index: number) => string[], root = 'root'): Buffer {
  const files = repeat(count, index => `d6:lengthi1e4:pathl${path(index).map(text).join('')}ee`)
  const rest = `4:name${text(root)}12:piece lengthi16384e${pieces(Math.ceil(count / 16384))}`
  return Buffer.from(`d4:infod5:filesl${files}e${rest}ee`)
}

/** Returns a v2 torrent (BEP 52) of files of a byte each. */
function tree(count: number, name: (index: number) => string): Buffer {
  const root = `11:pieces root32:${'x'.repeat(32)}`
  const files = repeat(count, index => `${text(name(index))}d0:d6:lengthi1e${root}ee`)
  return Buffer.from(`d4:infod9:file treed${files}e12:meta versioni2e4:name4:root12:piece lengthi16384eee`)
}

/** Returns a v2 torrent of one file with a hash for each of `count` pieces. */
function layered(count: number): Buffer {
  const layer = Buffer.alloc(count * NODE_LENGTH, 'x')
  const hasher = new MerkleHasher()
  for (let piece = 0; piece < count; piece++) hasher.add(layer.subarray(0, NODE_LENGTH))
  const root = Buffer.concat([Buffer.from('32:'), hasher.digest()])
  return Buffer.concat([
    Buffer.from(`d4:infod9:file treed1:ad0:d6:lengthi${count * 16384}e11:pieces root`),
    root,
    Buffer.from(`eee12:meta versioni2e4:name1:a12:piece lengthi16384ee12:piece layersd`),
    root,
    Buffer.from(`${layer.length}:`),
    layer,
    Buffer.from('ee'),
  ])
}

async function openElsewhere(torrent: Buffer, path: string): Promise<Report> {
  writeFileSync(path, torrent)
  const script = `
    import { readFileSync } from 'node:fs'
    import { openMetainfo } from ${JSON.stringify(moduleOf('src/metainfo/parse.ts'))}
    const torrent = readFileSync(${JSON.stringify(path)})
    const rss = process.memoryUsage.rss
    const before = rss()
    let peak = before
    // CPU time, as other work of the machine is not ours
    const cpu = () => {
      const { user, system } = process.cpuUsage()
      return user + system
    }
    const start = cpu()
    let last = start
    let longest = 0
    const beat = () => {
      const now = cpu()
      longest = Math.max(longest, now - last)
      last = now
    }
    let turns = 0
    const turn = () => {
      beat()
      // not in each turn, because it takes as long as many turns
      if (++turns % 8 === 0) peak = Math.max(peak, rss())
      timer = setImmediate(turn)
    }
    let timer = setImmediate(turn)
    const found = await openMetainfo(torrent).then(
      ({ files }) => ({ files: files.length }),
      error => ({ error: error.name + ' ' + error.code + ': ' + error.message }),
    )
    beat()
    peak = Math.max(peak, rss())
    clearImmediate(timer)
    const longestTurn = longest / (cpu() - start)
    console.log(JSON.stringify({ ...found, longestTurn, memory: (peak - before) / torrent.length }))
  `
  const heap = [`--max-old-space-size=${HEAP_MB}`, `--max-semi-space-size=${YOUNG_MB}`]
  const args = [...heap, ...MODULE_ARGUMENTS, '--input-type=module', '-e', script]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const parts: Buffer[] = []
  child.stdout.on('data', part => parts.push(part))
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`the process ended with ${code}`)
  return JSON.parse(Buffer.concat(parts).toString())
}

t.test(
  'a large torrent opens in many short turns, in twelve times its size of memory, with a small heap',
  async t => {
    const path = join(t.testdir(), 'a.torrent')
    const giants: [what: string, files: number, torrent: Buffer, mostMemory?: number][] = [
      [
        '150,000 files',
        150_000,
        directory(150_000, index => [`directory ${index % 3000}`, `file ${index}.jpg`]),
      ],
      ['499,999 directories', 499_999, directory(499_999, index => [`d${index}`, 'a'])],
      [
        'four million pieces',
        1,
        Buffer.from(`d4:infod6:lengthi65536000000e4:name1:a12:piece lengthi16384e${pieces(4_000_000)}ee`),
      ],
      // one file less is padding between two files
      ['v2: 250,000 files', 499_999, tree(250_000, index => `${1e6 + index}`), 16],
      ['v2: 200,000 pieces', 1, layered(200_000)],
      ['3.9 million empty strings in a key without a meaning', 1, single(`1:zl${'0:'.repeat(3_900_000)}e`)],
    ]
    for (const [what, files, torrent, mostMemory = 12] of giants) {
      const report = await openElsewhere(torrent, path)
      t.equal(report.files, files, what)
      t.ok(report.memory <= mostMemory, `${what}: ${report.memory.toFixed(1)} times its size`)
      t.ok(
        report.longestTurn < 0.5,
        `${what}: ${(100 * report.longestTurn).toFixed(0)} % of the time in one turn`,
      )
    }
  },
)

t.test('a bomb is rejected by the limit that it exceeds', async t => {
  const deep = (index: number) => [`${index}`, ...Array<string>(126).fill('d'), 'a']
  const bombs: [string, Buffer, RegExp][] = [
    [
      '500,001 files',
      directory(500_001, index => [`${index}`]),
      /at most 500000 files, got a list of 500001$/,
    ],
    ['directories in directories', directory(4_000, deep), /more than 500000 directories/],
    [
      'files of one path',
      directory(200_000, () => ['a.txt']),
      /more than 100000 files with the path of another file/,
    ],
    [
      'a name for which all numbers are in use',
      directory(20_000, numbered),
      /"a" and 10000 numbered names are all in use/,
    ],
    [
      'a path of empty names',
      directory(1, () => Array<string>(40_000).fill('')),
      /at most 65536 bytes for a file/,
    ],
    [
      'a long name',
      single('', '', '<'.repeat(1_000_000)),
      /^info.name: a path of 1000000 bytes, the limit is 65536/,
    ],
    ['ten million values', single(`1:zl${'0:'.repeat(10_000_000)}e`), /more than 10000000 values and keys/],
    [
      'trackers without end',
      single('', `13:announce-listl${'l0:e'.repeat(10_000)}e`),
      /^announce-list: .*more than 10000 values/,
    ],
    [
      'unsorted keys',
      single(`1:zd${repeat(20_000, index => `5:${99_999 - index}0:`)}e`),
      /more than 10000 keys .* unsorted/,
    ],
    [
      'v2: 500,001 files',
      tree(500_001, index => `${1e6 + index}`),
      /file tree: expected at most 500000 files/,
    ],
    [
      'v2: directories without end',
      Buffer.from(
        `d4:infod9:file treed${'1:ad'.repeat(200)}${'e'.repeat(200)}e12:meta versioni2e12:piece lengthi16384eee`,
      ),
      /at most 128 names in a path/,
    ],
    ['lists in lists', single(`1:z${'l'.repeat(300)}${'e'.repeat(300)}`), /nested deeper than 256/],
  ]
  for (const [what, bomb, message] of bombs) {
    const error = await openMetainfo(bomb).catch((error: Error) => error)
    t.ok(error instanceof InputError, what)
    t.match((error as Error).message, message, what)
  }
})

t.test('parse rejects a torrent that takes long at once, and names the function that reads it', async t => {
  const files = directory(50_001, index => [`${index}`])
  t.throws(() => parse(files), {
    name: 'InputError',
    message: /at most 50000 files \(openMetainfo reads larger torrents\)/,
  })
  t.equal((await openMetainfo(files)).files.length, 50_001)
  const values = single(`1:zl${'0:'.repeat(2_000_000)}e`)
  t.throws(() => parse(values), {
    name: 'InputError',
    message: /more than 2000000 values and keys \(openMetainfo/,
  })
  t.equal((await openMetainfo(values)).files.length, 1)
})

t.test('metadata from peers is read in short turns too', async t => {
  const infoOf = (torrent: Buffer) => torrent.subarray('d4:info'.length, -1)
  const magnet = parseMagnet('0'.repeat(40))
  const large = infoOf(directory(50_001, index => [`${index}`]))
  t.throws(() => parseInfo(large), { message: /at most 50000 files/ })
  t.equal((await metainfoOf(large, magnet)).files.length, 50_001)
  await t.rejects(metainfoOf(infoOf(directory(200_000, () => ['a'])), magnet), {
    name: 'InputError',
    message: /more than 100000 files with the path of another file/,
  })
})

t.test('openMetainfo returns what parse returns', async t => {
  const odd = directory(1_000, index =>
    [index % 3 === 0 ? 'same' : `${index}?`, 'a', ''].slice(0, 1 + (index % 2)),
  )
  t.strictSame(await openMetainfo(odd), parse(odd))
})

/** Returns two files `a`, and all names that the second could get. */
function numbered(index: number): string[] {
  return [index < 2 ? 'a' : `a (${index - 1})`]
}
