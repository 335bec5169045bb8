/** A program that uses tsdl. It must compile in each project of consumers.test.ts. */
import { createWriteStream } from 'node:fs'
import { createServer } from 'node:http'
import { pipeline } from 'node:stream/promises'
import {
  Client,
  create,
  download,
  fanOut,
  fetchMetadata,
  parse,
  stream,
  streamTar,
  type Torrent,
  type TorrentSource,
  verify,
} from 'tsdl'
import { decode, encodeMessage, type Message } from 'tsdl/codec'
import { type Metainfo, openMetainfo, parseMagnet } from 'tsdl/metainfo'
import { createHandler } from 'tsdl/server'
import { FileStorage, type Storage, WindowStorage } from 'tsdl/storage'
import { Framer, PeerSocket } from 'tsdl/streams'

declare const bytes: Uint8Array
const torrent: Torrent = await download(parse(bytes), { output: '.' })
const file = torrent.files[0]!

stream(parse(bytes)).pipe(createWriteStream('out'))
createServer((_request, response) => {
  file.stream().pipe(response)
})
await pipeline(file.stream(), createWriteStream('out'))
for await (const chunk of file.stream({ start: 1 })) chunk satisfies Uint8Array

new Response(file.web())
const unzipped: ReadableStream<Uint8Array> = file.web().pipeThrough(new DecompressionStream('gzip'))
void unzipped

for await (const message of new PeerSocket({ host: '127.0.0.1', port: 6881 }).pipe(new Framer())) {
  if (message.type === 'have') message.index satisfies number
}

const client = new Client({ port: 6881, dhtNodes: [{ host: '127.0.0.1', port: 6881 }] })
const sources: TorrentSource[] = [
  'x.torrent',
  new URL('https://example.net/x.torrent'),
  parseMagnet('ab'.repeat(20)),
  bytes,
  bytes.buffer,
  new DataView(new ArrayBuffer(1)),
]
for (const source of sources) (await client.add(source)).progress.verified satisfies number
client.on('added', ({ infoHash }) => infoHash.toString('hex'))

const reader = stream('magnet:?xt=urn:btih:', { file: 0, start: 1, signal: AbortSignal.timeout(1) })
reader.torrent satisfies Promise<Torrent>
await pipeline(streamTar('x.torrent'), createWriteStream('out.tar'))
await Promise.all(
  fanOut(reader, [{ sink: createWriteStream('a') }, { sink: process.stdout, policy: 'spill' }]),
)

const metainfo: Metainfo = await fetchMetadata('ab'.repeat(20), { timeout: 1000 })
const created = await create('directory', { trackers: [['https://example.net/announce']] })
created.torrent satisfies Uint8Array
;(await verify(metainfo, '.')).count satisfies number
;(await openMetainfo(bytes)).files[0]!.path satisfies string

const storage: Storage = new FileStorage(metainfo, { directory: '.' })
torrent.begin({ storage, select: index => index === 0 })
torrent.begin({ storage: new WindowStorage() })
createServer(createHandler(client, { prefix: '/torrents' })).listen()

decode(bytes)
encodeMessage({ type: 'have', index: 1 } satisfies Message) satisfies Uint8Array
