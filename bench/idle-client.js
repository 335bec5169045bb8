// @ts-check
/**
 * A client with many torrents that share the files of a folder and have no peer. It is a separate program, so that only
 * the client is measured.
 *
 *     node --expose-gc bench/idle-client.js DIR COUNT TRACKER-URL [--record]
 *
 * DIR has COUNT sparse files, named 0 to COUNT - 1. With --record it only writes their resume records, and ends. It
 * prints one line of JSON when every torrent is shared, and one with the memory for each line of its standard input. It
 * ends at the end of its standard input.
 */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { Client, FileStorage, parse, resumeAt } from '../dist/index.js'
import { encode } from './data.js'

export const PIECE_COUNT = 16
export const PIECE_LENGTH = 64 << 10

const [dir = '', number = '', tracker = '', option = ''] = process.argv.slice(2)
const count = Number(number)
const hash = createHash('sha1').update(Buffer.alloc(PIECE_LENGTH)).digest()
const pieces = Buffer.concat(Array(PIECE_COUNT).fill(hash))

/** @param {number} index */
function torrentOf(index) {
  const info = {
    length: PIECE_COUNT * PIECE_LENGTH,
    name: String(index),
    'piece length': PIECE_LENGTH,
    pieces,
  }
  return encode({ announce: tracker, info: { ...info, private: 1 } })
}

function memory() {
  globalThis.gc?.()
  globalThis.gc?.()
  const { external, heapUsed, rss } = process.memoryUsage()
  return { heap: heapUsed + external, rss }
}

const client = new Client({ bind: '127.0.0.1', dht: false, lsd: false, hashThreads: 0 })
await client.listen()
const before = memory()
const parsing = performance.now()
const metainfos = Array.from({ length: count }, (_, index) => parse(torrentOf(index)))
const start = performance.now()
const torrents = await Promise.all(
  metainfos.map(async metainfo => {
    const storage = new FileStorage(metainfo, { directory: dir })
    const resume = resumeAt(join(dir, 'records', `${metainfo.name}.resume`), metainfo, storage)
    return client.add(metainfo, { storage, resume, share: true, deferSample: true, select: () => false })
  }),
)
await Promise.all(torrents.map(torrent => torrent.done))
const end = performance.now()
if (option === '--record') {
  await client.close()
  process.exit()
}
const wrong = torrents.filter(torrent => torrent.state !== 'seeding' || !torrent.verified.full)
if (wrong.length > 0) throw new Error(`${wrong.length} torrents do not seed`)
console.log(JSON.stringify({ parse: (start - parsing) / count, start: (end - start) / count }))
process.stdin.on('data', () => {
  const after = memory()
  const each = (/** @type {'heap' | 'rss'} */ what) => (after[what] - before[what]) / count - pieces.length
  console.log(JSON.stringify({ heap: each('heap'), rss: each('rss') }))
})
process.stdin.on('end', () => process.exit())
