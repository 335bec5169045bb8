// One download to two places at once: a file, which all wait for, and standard output, which may be as slow as it likes.
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
// each has its own end; with Promise.all one that fails ends the wait, though not the other
const [file, copy] = await Promise.allSettled([written, copied])
for (const { reason } of [file, copy]) if (reason) console.error(reason.message)
if (file.status === 'rejected') process.exitCode = 1
