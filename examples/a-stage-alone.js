// Uses two stages without a client: prints the peer id of a peer and the number of its pieces, over your own socket.
//   node a-stage-alone.js X.torrent HOST:PORT
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import net from 'node:net'
import { parse, parseAddress } from 'tsdl'
import { Framer, Serializer } from 'tsdl/streams'

const [torrent, peer] = process.argv.slice(2)
const { infoHash, pieceCount } = parse(await readFile(torrent))
const socket = net.connect(parseAddress(peer))
const serializer = new Serializer()
const framer = new Framer({ maxLength: 1 + Math.ceil(pieceCount / 8) })
serializer.on('data', bytes => socket.write(bytes))
socket.pipe(framer)
serializer.write({ type: 'handshake', infoHash, peerId: randomBytes(20), reserved: new Uint8Array(8) })

for await (const message of framer) {
  if (message.type === 'handshake') console.log('peer id', Buffer.from(message.peerId).toString('latin1'))
  if (message.type === 'bitfield') {
    let have = 0
    for (const byte of message.bytes) for (let bit = 1; bit < 256; bit *= 2) if (byte & bit) have++
    console.log(`has ${have} of ${pieceCount} pieces`)
    break
  }
}
socket.destroy()
