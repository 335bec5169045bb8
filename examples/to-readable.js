// Reads one file of a torrent as a stream, without writing to disk. A slow consumer slows the download down.
//   node to-readable.js SOURCE HOST:PORT [FILE-INDEX]
import { createHash } from 'node:crypto'
import { pipeline } from 'node:stream/promises'
import { parseAddress, stream } from 'tsdl'

const [source, peer, file = '0'] = process.argv.slice(2)
const hash = createHash('sha256')
await pipeline(
  stream(source, { file: Number(file), peers: [parseAddress(peer)], dht: false, lsd: false }),
  hash,
)
console.log(hash.digest('hex'))
