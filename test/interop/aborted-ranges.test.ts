import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import http from 'node:http'
import net from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { interopSize, oneFile } from '../helpers/counterparts/content.ts'
import { noLibtorrent, seedWithLibtorrent } from '../helpers/counterparts/libtorrent.ts'
import { scratch } from '../helpers/counterparts/process.ts'
import { startTsdl } from '../helpers/counterparts/tsdl.ts'
import { generator } from '../helpers/feed.ts'
import { RANDOM_SEED } from '../helpers/random-seed.ts'

/** Reads from `start` until `maxBytes` bytes were received, and then closes the connection. */
function read(url: string, start: number, maxBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let length = 0
    const request = http.get(url, { headers: { range: `bytes=${start}-` }, agent: false }, reply => {
      const end = () => resolve(Buffer.concat(chunks).subarray(0, maxBytes))
      reply.on('data', chunk => {
        chunks.push(chunk)
        length += chunk.length
        if (length < maxBytes) return
        request.destroy()
        end()
      })
      reply.on('end', end)
      reply.on('error', end)
    })
    request.on('error', error => (length < maxBytes ? reject(error) : undefined))
  })
}

/** Starts a proxy to `port` that delays bytes by `ms` in each direction. Returns its address. */
async function delayed(t: Test, address: string, ms: number): Promise<string> {
  const port = Number(address.split(':').at(-1))
  const sockets: net.Socket[] = []
  const pipe = (from: net.Socket, to: net.Socket) => {
    sockets.push(from)
    from.on('data', chunk => setTimeout(() => to.write(chunk), ms))
    from.on('error', () => {})
    from.on('close', () => setTimeout(() => to.destroy(), ms))
  }
  const server = net.createServer(socket => {
    const onward = net.connect(port, '127.0.0.1')
    pipe(socket, onward)
    pipe(onward, socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return `127.0.0.1:${(server.address() as net.AddressInfo).port}`
}

for (const ms of [0, 25]) {
  const name = ms > 0 ? 'libtorrent, 50 ms away' : 'libtorrent'
  t.test(`aborted ranges never stop a download from ${name}`, { skip: noLibtorrent }, async t => {
    const content = oneFile(scratch(t), interopSize())
    const seed = await seedWithLibtorrent(t, content)
    const peer = ms > 0 ? await delayed(t, seed, ms) : seed
    const where = ['--bind', '127.0.0.1', '--no-tracker', '--http', '127.0.0.1:0', '--memory', '8M']
    const serving = startTsdl(t, ['serve', content.torrent, ...where, '--peer', peer])
    const { url: shelf } = await serving.event(({ event }) => event === 'serving')
    const url = new URL(`/${content.infoHash.toString('hex')}/${content.name}`, String(shelf)).href
    const bytes = await readFile(join(content.dir, content.name))
    const random = generator(RANDOM_SEED)
    let start = 0
    for (let times = 0; times < 100; times++) {
      // mostly near the last one, so that requests that were just cancelled are repeated
      if (random() < 0.2) start = Math.floor(random() * (bytes.length - 1_000_000))
      const maxBytes = Math.floor(random() ** 4 * 500_000) + 1
      const got = await read(url, start, maxBytes)
      const right = bytes.subarray(start, start + got.length)
      if (got.length < Math.min(maxBytes, bytes.length - start) || !got.equals(right))
        t.fail(`SEED=${RANDOM_SEED}, the ${times + 1}th: ${got.length} bytes from ${start}`)
    }
    t.ok((await read(url, 0, bytes.length)).equals(bytes), 'and then all of it')
  })
}
