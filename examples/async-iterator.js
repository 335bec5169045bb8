// Reads the first bytes of a file. Leaving the loop ends the download and says goodbye to the trackers.
//   node async-iterator.js SOURCE HOST:PORT BYTES
import { parseAddress, stream } from 'tsdl'

const [source, peer, wanted] = process.argv.slice(2)
// Without dht: false and lsd: false, it also finds peers by itself.
const options = { peers: [parseAddress(peer)], dht: false, lsd: false }
let left = Number(wanted)
for await (const chunk of stream(source, options)) {
  process.stdout.write(chunk.subarray(0, left))
  left -= chunk.length
  if (left <= 0) break
}
