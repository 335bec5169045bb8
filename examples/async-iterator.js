// Reads the first bytes of a file. Leaving the loop ends the download and tells the trackers.
//   node async-iterator.js X.torrent HOST:PORT BYTES
import { readFile } from 'node:fs/promises'
import { parse, parseAddress, stream } from 'tsdl'

const [torrent, peer, wanted] = process.argv.slice(2)
let left = Number(wanted)
for await (const chunk of stream(parse(await readFile(torrent)), { peers: [parseAddress(peer)] })) {
  process.stdout.write(chunk.subarray(0, left))
  left -= chunk.length
  if (left <= 0) break
}
