// Downloads a torrent to a directory and prints the progress. A second run downloads only the missing pieces.
//   node to-directory.js X.torrent DIR [HOST:PORT]
import { readFile } from 'node:fs/promises'
import { download, parse, parseAddress } from 'tsdl'

const [torrent, output, peer] = process.argv.slice(2)
const it = download(parse(await readFile(torrent)), {
  output,
  peers: peer ? [parseAddress(peer)] : [],
  timeout: 60_000,
})
it.on('warning', error => console.error(error.message))
it.on('verified', () => {
  const { verified, total, peers } = it.progress
  console.error(`${Math.floor((100 * verified) / total)}% from ${peers} peers`)
})
await it.done
await it.close()
console.log(`${it.progress.verified} bytes in ${output}`)
