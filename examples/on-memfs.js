// Downloads to an in-memory file system. Any object with the interface of `fs.promises` can be used.
//   node on-memfs.js X.torrent HOST:PORT
import { readFile } from 'node:fs/promises'
import { createFsFromVolume, Volume } from 'memfs'
import { download, parse, parseAddress } from 'tsdl'

const [torrent, peer] = process.argv.slice(2)
const metainfo = parse(await readFile(torrent))
const volume = new Volume()
const it = download(metainfo, {
  output: '/out',
  fs: createFsFromVolume(volume).promises,
  peers: [parseAddress(peer)],
})
await it.done
await it.close()
for (const { path } of metainfo.files) console.log(path, volume.statSync(`/out/${path}`).size)
