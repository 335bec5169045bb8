// Downloads to an in-memory file system. Any object with the interface of `fs.promises` can be used.
//   node on-memfs.js X.torrent HOST:PORT
import { readFile } from 'node:fs/promises'
import { createFsFromVolume, Volume } from 'memfs'
import { download, parseAddress } from 'tsdl'

const [path, peer] = process.argv.slice(2)
const volume = new Volume()
const torrent = await download(await readFile(path), {
  output: '/out',
  fs: createFsFromVolume(volume).promises,
  peers: [parseAddress(peer)],
  dht: false,
  lsd: false,
})
await torrent.done
await torrent.close()
for (const { path } of torrent.files) console.log(path, volume.statSync(`/out/${path}`).size)
