/** A program that uses tsdl: it has to compile wherever ours is installed. See consumers.test.ts. */
import { createWriteStream } from 'node:fs'
import { createServer } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { download, parse, stream, type Torrent } from 'tsdl'
import { Framer, PeerSocket } from 'tsdl/streams'

declare const bytes: Uint8Array
const torrent: Torrent = download(parse(bytes), { output: '.' })
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
