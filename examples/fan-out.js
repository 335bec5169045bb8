// Writes one download to a file and to standard output. The download waits for the file, but not for standard output.
//   node fan-out.js SOURCE FILE HOST:PORT > copy
import { createWriteStream } from 'node:fs'
import { fanOut, parseAddress, stream } from 'tsdl'

const [source, path, peer] = process.argv.slice(2)
const reader = stream(source, { peers: [parseAddress(peer)], dht: false, lsd: false })
const [written, copied] = fanOut(reader, [
  { sink: createWriteStream(path) },
  { sink: process.stdout, policy: 'spill' },
])
// Each sink finishes or fails on its own, so Promise.all would stop waiting at the first failure.
const [file, copy] = await Promise.allSettled([written, copied])
for (const { reason } of [file, copy]) if (reason) console.error(reason.message)
if (file.status === 'rejected') process.exitCode = 1
