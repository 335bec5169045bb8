// Reads one file of a torrent as a stream, without writing to disk. A slow consumer slows the download down.
//   node to-readable.js X.torrent HOST:PORT [FILE-INDEX]
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { parse, parseAddress, stream } from 'tsdl'

const [torrent, peer, file = '0'] = process.argv.slice(2)
const reader = stream(parse(await readFile(torrent)), { file: Number(file), peers: [parseAddress(peer)] })
const hash = createHash('sha256')
await pipeline(Readable.from(reader), hash)
console.log(hash.digest('hex'))
