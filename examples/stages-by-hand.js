// Downloads a torrent with the stages alone, joined by hand, from a seed in the same process.
//   node stages-by-hand.js
import { randomBytes } from 'node:crypto'
import { createFsFromVolume, Volume } from 'memfs'
import { create, Listener, parse, Torrent } from 'tsdl'
import {
  Dispatcher,
  FixedWindow,
  Framer,
  Funnel,
  PeerSocket,
  PieceWriter,
  Requester,
  SequentialBlocks,
  Serializer,
  Verifier,
} from 'tsdl/streams'

// The seed: a Torrent with a buffer as its storage.
const content = randomBytes(3_000_000)
async function* read() {
  yield content
}
const files = [{ path: [], length: content.length, read }]
const metainfo = parse((await create({ name: 'content.bin', files })).torrent)
const storage = {
  read: async (position, target) => content.copy(target, 0, position),
  write: async () => {},
  complete: async () => {},
  close: async () => {},
}
const listener = await new Listener({ bind: '127.0.0.1' }).listen()
const seed = new Torrent(metainfo, { storage, listener, trackers: false, share: true }).start()
await seed.done

// The chain of the torrent, from the funnel to a file in memory.
const { length, pieceLength, pieceCount, hashes, infoHash } = metainfo
const { promises: fs } = createFsFromVolume(new Volume())
const copy = await fs.open('/copy.bin', 'w+')
const blocks = new SequentialBlocks({ length, pieceLength })
const funnel = new Funnel()
const writer = new PieceWriter({
  pieceLength,
  storage: { write: async (position, bytes) => void (await copy.write(bytes, 0, bytes.length, position)) },
  onFlushed: piece => {
    requester.addOwnPiece(piece.index)
    blocks.finish(piece)
    if (blocks.complete) funnel.end()
  },
})
const stored = new Promise((resolve, reject) => writer.on('finish', resolve).on('error', reject))
funnel.pipe(new Verifier({ hashes, onCorrupt: piece => blocks.restart(piece) })).pipe(writer)

// The chain of one peer. A callback of `pipe` gets the error of either stage, which `error` events would be otherwise.
const socket = new PeerSocket({ host: '127.0.0.1', port: listener.port })
const serializer = new Serializer()
const requester = new Requester({
  pieceCount,
  source: blocks,
  window: new FixedWindow(32),
  send: messages => serializer.write(messages),
  now: () => performance.now(),
})
const framer = new Framer({ places: requester, maxLength: 1 + Math.ceil(pieceCount / 8) })
const dispatcher = new Dispatcher({
  handshake: ({ peerId }) => console.log('peer', Buffer.from(peerId).toString('latin1', 0, 3)),
})
const ignore = () => {}
socket.pipe(framer, ignore).pipe(dispatcher, ignore).pipe(requester, ignore).pipe(funnel.inlet(), ignore)
serializer.pipe(socket, ignore)
serializer.write({ type: 'handshake', infoHash, peerId: randomBytes(20), reserved: new Uint8Array(8) })

await stored
socket.destroy()
const bytes = await fs.readFile('/copy.bin')
console.log(bytes.equals(content) ? `${bytes.length} bytes are equal` : 'the copy differs')
await seed.close()
listener.close()
