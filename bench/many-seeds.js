// @ts-check
/**
 * A client that shares the files of many torrents. It is a separate program, so that only the client is measured.
 *
 *     node bench/many-seeds.js DIR COUNT BYTES-PER-SECOND
 *
 * DIR has COUNT .torrent files, named 0.torrent and so on, and their files. It prints its address when every torrent is
 * shared, and ends at the end of its standard input.
 */
import { join } from 'node:path'
import { Client, FileStorage, loadTorrent } from '../dist/index.js'

const [dir = '', number = '', rate = ''] = process.argv.slice(2)
const client = new Client({
  ...{ bind: '127.0.0.1', dht: false, lsd: false, trackers: false },
  ...{ maxPeers: 5000, up: Number(rate) },
})
const listener = await client.listen()
for (let index = 0; index < Number(number); index++) {
  const metainfo = await loadTorrent(join(dir, `${index}.torrent`))
  const storage = new FileStorage(metainfo, { directory: dir })
  const torrent = await client.add(metainfo, { storage, share: true, select: () => false })
  await torrent.done
}
console.log(`127.0.0.1:${listener?.port}`)
process.stdin.resume().on('end', () => process.exit())
