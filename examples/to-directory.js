// Downloads a torrent to a directory and prints the progress. A second run downloads only the missing pieces.
//   node to-directory.js SOURCE DIR [HOST:PORT]
import { download, parseAddress } from 'tsdl'

const [source, output, peer] = process.argv.slice(2)
// With a peer, it contacts only this peer and the trackers.
const options = peer ? { peers: [parseAddress(peer)], dht: false, lsd: false } : {}
const torrent = await download(source, { output, timeout: 60_000, ...options })
torrent.on('warning', error => console.error(error.message))
torrent.on('verified', () => {
  const { verified, total, peers } = torrent.progress
  console.error(`${Math.floor((100 * verified) / total)}% from ${peers} peers`)
})
await torrent.done
await torrent.close()
console.log(`${torrent.progress.verified} bytes in ${output}`)
