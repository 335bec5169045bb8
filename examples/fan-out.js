// Writes one download to a file and to standard output. The download waits for the file, but not for standard output.
//   node fan-out.js X.torrent FILE HOST:PORT > copy
import { createWriteStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { fanOut, parse, parseAddress, stream } from 'tsdl'

const [torrent, path, peer] = process.argv.slice(2)
const reader = stream(parse(await readFile(torrent)), { peers: [parseAddress(peer)] })
const [written, copied] = fanOut(reader, [
  { sink: createWriteStream(path) },
  { sink: process.stdout, policy: 'spill' },
])
// Each sink finishes or fails on its own, so Promise.all would stop waiting at the first failure.
const [file, copy] = await Promise.allSettled([written, copied])
for (const { reason } of [file, copy]) if (reason) console.error(reason.message)
if (file.status === 'rejected') process.exitCode = 1
