import { once } from 'node:events'
import http from 'node:http'
import net from 'node:net'
import { Readable as NodeReadable } from 'node:stream'
import { parse as contentDisposition } from 'content-disposition'
import { htmlUnescape } from 'escape-goat'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { Parser } from 'tar'
import { StalledError, StorageError } from '../../src/errors.ts'
import { tarSize } from '../../src/pipeline/sinks/tar.ts'
import { HttpServer, type HttpServerOptions } from '../../src/server/http-server.ts'
import type { ByteStream, ResponseRange, ServedTorrent } from '../../src/server/served-torrents.ts'
import { FIRST_BYTE_TIMEOUT_MS } from '../../src/server/transfer.ts'
import { type Done, Readable } from '../../src/streams/stage.ts'
import { type FileSpec, makeTorrent, noise } from '../helpers/metainfo.ts'
import { VirtualClock, waitUntil } from '../helpers/virtual-clock.ts'

const VIDEO_BYTES = noise(300_000, 7)
const UMLAUT_NAME = '<b>"Ünï & \u4f60\'s".html'
const SERVED_FILES: FileSpec[] = [
  { path: 'show/one.mkv', contents: VIDEO_BYTES },
  { path: '.pad/9', length: 9, pad: true },
  { path: `show/extra/${UMLAUT_NAME}`, contents: '<script>alert(1)</script>' },
  { path: 'show/empty.txt', contents: '' },
  { path: 'show/latest', symlink: 'show/one.mkv', contents: '' },
]

/** A file that a test sends chunk by chunk. It records the requested ranges. */
class Slow extends Readable<Uint8Array> {
  readonly range: ResponseRange
  readonly #bytes: Uint8Array
  #reading: Done | undefined
  taken = 0

  constructor(bytes: Uint8Array, range: ResponseRange) {
    super({ highWaterMark: 1, byteLength: chunk => chunk.length || 1 })
    this.#bytes = bytes
    this.range = range
  }

  override _read(done: Done): void {
    this.#reading = done
    this.emit('asked')
  }

  override _predestroy(): void {
    this.#reading?.()
  }

  /** Delivers the next bytes when they are read; undefined for the end. */
  async give(length: number): Promise<void> {
    if (!this.#reading) await once(this, 'asked')
    const done = this.#reading!
    this.#reading = undefined
    const at = this.range.start + this.taken
    this.push(length === 0 ? null : this.#bytes.subarray(at, at + length))
    this.taken += length
    done()
  }

  closed(): Promise<unknown> | undefined {
    return this.destroyed ? undefined : once(this, 'close')
  }
}

interface SetUp extends HttpServerOptions {
  readonly files?: readonly FileSpec[]
  readonly read?: (content: Buffer, range: ResponseRange, index: number) => ByteStream
  readonly more?: Partial<ServedTorrent>
}

/** Serves one torrent in memory until the end of test `t`, and checks that nothing is left open. */
async function serve(t: Test, { files = SERVED_FILES, read, more, ...options }: SetUp = {}) {
  const { metainfo, content } = makeTorrent({ files, name: 'show', multiFile: true })
  const opened: ByteStream[] = []
  const torrents = new Map<string, ServedTorrent>()
  const server = await new HttpServer(torrents, options).listen()
  const warnings: string[] = []
  server.on('warning', error => warnings.push(error.message))
  t.teardown(() => server.close())
  const hash = metainfo.infoHash.toString('hex')
  torrents.set(hash, {
    metainfo,
    read(index, range) {
      const { offset, length } = metainfo.files[index]!
      const file = content.subarray(offset, offset + length)
      const { start, end } = range
      const stream =
        read?.(file, range, index) ??
        NodeReadable.from(slices(file.subarray(start, end)), { objectMode: false })
      opened.push(stream)
      return stream
    },
    ...more,
  })
  const { port } = new URL(server.url)
  const base = `/${hash}/show`
  return {
    server,
    torrents,
    metainfo,
    opened,
    warnings,
    hash,
    base,
    port: Number(port),
    ask: (path: string, options: http.RequestOptions = {}) => ask(Number(port), path, options),
    video: (range: string) => ask(Number(port), `${base}/one.mkv`, { headers: { range } }),
  }
}

function* slices(bytes: Uint8Array) {
  for (let at = 0; at < bytes.length; at += 10_000) yield bytes.subarray(at, at + 10_000)
}

interface Answer {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly body: Buffer
  readonly text: string
}

/** Sends one request with an unchanged path. Rejects if the response is cut off. */
async function ask(port: number, path: string, options: http.RequestOptions = {}): Promise<Answer> {
  const response = await begin(port, path, options)
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk)
  const body = Buffer.concat(chunks)
  return { status: response.statusCode!, headers: response.headers, body, text: body.toString() }
}

/** Sends a request, and resolves with the head of its response. */
async function begin(port: number, path: string, options: http.RequestOptions = {}) {
  const request = http.request({ host: '127.0.0.1', port, path, agent: false, ...options }).end()
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  return response
}

/** Sends text over a separate socket, and resolves with the reply when the other side ends. */
async function raw(port: number, text: string): Promise<string> {
  const socket = net.connect(port, '127.0.0.1')
  socket.write(text)
  let got = ''
  for await (const chunk of socket) got += chunk.toString('latin1')
  return got
}

const untilIdle = async (server: HttpServer) => {
  await waitUntil(() => server.readers === 0)
}

t.test('GET and HEAD of a file have the same headers, and only GET sends its bytes', async t => {
  const { ask, base, opened, hash, server, warnings } = await serve(t)
  const get = await ask(`${base}/one.mkv`)
  t.equal(get.status, 200)
  t.ok(get.body.equals(VIDEO_BYTES))
  t.match(get.headers, {
    'content-type': 'video/x-matroska',
    'content-length': '300000',
    'accept-ranges': 'bytes',
    'content-disposition': 'inline; filename=one.mkv',
    etag: `"${hash}-0"`,
    'x-content-type-options': 'nosniff',
    'cross-origin-resource-policy': 'same-origin',
    'referrer-policy': 'no-referrer',
    'content-security-policy': /^default-src 'none';/,
  })
  t.notOk(get.headers['transfer-encoding'])
  const head = await ask(`${base}/one.mkv`, { method: 'HEAD', headers: { range: 'bytes=0-9' } })
  t.equal(head.status, 200)
  t.equal(head.body.length, 0)
  t.strictSame({ ...head.headers, date: 0 }, { ...get.headers, date: 0 })
  t.equal(opened.length, 1)
  await untilIdle(server)
  t.strictSame(warnings, [])
})

t.test('single ranges have the bytes of the file', async t => {
  const { video } = await serve(t)
  const rows: [string, number, number][] = [
    ['bytes=0-0', 0, 1],
    ['bytes=-1', 299_999, 300_000],
    ['bytes=-400000', 0, 300_000],
    ['bytes=0-', 0, 300_000],
    ['bytes=299999-', 299_999, 300_000],
    ['bytes=100-400000', 100, 300_000],
    ['bytes=5-9,8-20', 5, 21],
  ]
  for (const [range, start, end] of rows) {
    const { status, headers, body } = await video(range)
    t.equal(status, 206, range)
    t.equal(headers['content-range'], `bytes ${start}-${end - 1}/300000`)
    t.equal(headers['content-length'], String(end - start))
    t.ok(body.equals(VIDEO_BYTES.subarray(start, end)))
  }
  for (const range of ['bytes=300000-', 'bytes=-0']) {
    const { status, headers } = await video(range)
    t.equal(status, 416)
    t.equal(headers['content-range'], 'bytes */300000')
  }
  for (const range of ['bytes=9-5', 'lines=1-2']) t.ok((await video(range)).body.equals(VIDEO_BYTES), range)
})

t.test(
  'random ranges, one or several, have the right bytes for eight clients at a time on kept connections',
  async t => {
    const { port, base, server } = await serve(t)
    const agent = new http.Agent({ keepAlive: true, maxSockets: 8 })
    t.teardown(() => agent.destroy())
    const range = fc.tuple(fc.nat(299_999), fc.nat(40_000))
    const request = fc.array(range, { minLength: 1, maxLength: 5 })
    await fc.assert(
      fc.asyncProperty(fc.array(request, { minLength: 8, maxLength: 8 }), async requests => {
        await Promise.all(
          requests.map(async ranges => {
            const header = `bytes=${ranges.map(([start, length]) => `${start}-${start + length}`)}`
            const answer = await ask(port, `${base}/one.mkv`, { agent, headers: { range: header } })
            if (answer.status !== 206) throw new Error(`${answer.status} for ${header}`)
            const parts = partsOf(answer)
            const covered = new Uint8Array(300_000)
            for (const { start, bytes } of parts) {
              if (!VIDEO_BYTES.subarray(start, start + bytes.length).equals(bytes))
                throw new Error(`other bytes: ${header}`)
              covered.fill(1, start, start + bytes.length)
            }
            for (const [start, length] of ranges)
              if (covered.subarray(start, start + length + 1).includes(0))
                throw new Error(`too little: ${header}`)
          }),
        )
      }),
      { numRuns: 12 },
    )
    await untilIdle(server)
  },
)

/** Returns the parts of a 206 response. A multipart one (RFC 9110, 14.6) is split at its boundary. */
function partsOf({ headers, body }: Answer): { start: number; bytes: Buffer }[] {
  if (Number(headers['content-length']) !== body.length) throw new Error('wrong length')
  const startOf = (range = '') => Number(/^bytes (\d+)-\d+\/300000$/.exec(range)![1])
  const boundary = /^multipart\/byteranges; boundary=(\w+)$/.exec(headers['content-type']!)?.[1]
  if (!boundary) return [{ start: startOf(headers['content-range']), bytes: body }]
  const text = `\r\n${body.toString('latin1')}`
  const [before, ...parts] = text.split(`\r\n--${boundary}`)
  if (before !== '' || parts.pop() !== '--\r\n') throw new Error('not framed')
  return parts.map(part => {
    const [, range, rest] = /^\r\nContent-Type: video\/x-matroska\r\nContent-Range: (.*)\r\n\r\n(.*)$/s.exec(
      part,
    )!
    return { start: startOf(range), bytes: Buffer.from(rest!, 'latin1') }
  })
}

t.test('conditional requests get 304, 412, the range or the whole file', async t => {
  const { ask, base, hash, opened } = await serve(t)
  const etag = `"${hash}-0"`
  const get = (headers: http.OutgoingHttpHeaders) => ask(`${base}/one.mkv`, { headers })
  const same = await get({ 'if-none-match': `"x", ${etag}` })
  t.equal(same.status, 304)
  t.equal(same.headers.etag, etag)
  t.equal(same.body.length, 0)
  t.equal((await get({ 'if-match': '"x"' })).status, 412)
  t.equal((await get({ range: 'bytes=0-1', 'if-none-match': etag })).status, 304)
  t.equal(opened.length, 0)
  t.equal((await get({ 'if-modified-since': new Date().toUTCString() })).status, 200)
  t.equal((await get({ range: 'bytes=0-1', 'if-range': etag })).status, 206)
  t.equal((await get({ range: 'bytes=0-1', 'if-range': '"x"' })).status, 200)
  t.equal((await get({ range: 'bytes=0-1', 'if-range': new Date().toUTCString() })).status, 200)
  t.not((await ask(`${base}/empty.txt`)).headers.etag, etag)
})

t.test('an empty file is served, and a symlink and a directory without its slash redirect', async t => {
  const { ask, base, hash, opened } = await serve(t)
  const empty = await ask(`${base}/empty.txt`)
  t.match(empty, {
    status: 200,
    headers: { 'content-length': '0', 'content-type': 'text/plain; charset=utf-8' },
  })
  const none = await ask(`${base}/empty.txt`, { headers: { range: 'bytes=0-' } })
  t.match(none, { status: 416, headers: { 'content-range': 'bytes */0' } })
  t.match(await ask(`${base}/latest`), { status: 302, headers: { location: `${base}/one.mkv` } })
  t.match(await ask(base), { status: 302, headers: { location: `${base}/` } })
  t.match(await ask(`/${hash}`), { status: 302, headers: { location: `/${hash}/` } })
  t.equal(opened.length, 0)
})

t.test('other methods, invalid targets and missing names are rejected', async t => {
  const { ask, base, hash, port, opened } = await serve(t)
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'PROPFIND']) {
    const { status, headers } = await ask(`${base}/one.mkv`, { method })
    t.equal(status, 405, method)
    t.equal(headers.allow, 'GET, HEAD')
  }
  for (const path of [`/${hash}/%ff`, '/%']) t.equal((await ask(path)).status, 400, path)
  for (const path of [
    `${base}/../../../etc/passwd`,
    `${base}%2Fone.mkv`,
    `/${hash}/.pad/9`,
    '/favicon.ico',
    `${base}/one.mkv/`,
  ])
    t.equal((await ask(path)).status, 404, path)
  t.match(
    await raw(
      port,
      `GET ${base}/one.mkv HTTP/1.1\r\nHost: a\r\nHost: localhost\r\nConnection: close\r\n\r\n`,
    ),
    /^HTTP\/1.1 400/,
  )
  t.match(await raw(port, `GET ${base}/one.mkv HTTP/1.1\r\nConnection: close\r\n\r\n`), /^HTTP\/1.1 400/)
  t.match(await raw(port, `nonsense\r\n\r\n`), /^HTTP\/1.1 400/)
  t.equal(opened.length, 0)
  const whole = `http://127.0.0.1:${port}${base}/one.mkv`
  t.match(await raw(port, `HEAD ${whole} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`), /^HTTP\/1.1 200/)
  const other = `http://evil.example${base}/one.mkv`
  t.match(
    await raw(port, `HEAD ${other} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`),
    /^HTTP\/1.1 421/,
  )
})

t.test('the pages link to every file, and untrusted names stay text', async t => {
  const progress = { verified: 50, total: 200, downSpeed: 2048.5, peers: 1 } as ServedTorrent['progress']
  const { ask, base, hash, torrents, metainfo } = await serve(t, { more: { progress } })
  const home = await ask('/')
  t.match(home, {
    status: 200,
    headers: { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' },
  })
  t.match(
    home.text,
    `<a href="${base}/"><bdi>show</bdi></a></td><td>293 KiB, 25% verified, 2.00 KiB/s, 1 peer</td>`,
  )
  t.match(home.headers['content-security-policy'], /^default-src 'none'; style-src 'sha256-/)

  const seen = new Map<string, number>()
  const walk = async (url: string): Promise<void> => {
    const page = await ask(url)
    seen.set(url, page.status)
    if (
      !page.headers['content-type']?.startsWith('text/html') ||
      page.status !== 200 ||
      url.includes(encodeURIComponent(UMLAUT_NAME))
    )
      return
    t.notMatch(page.text, /<script|<b>|\.pad/)
    for (const [, href] of page.text.matchAll(/href="([^"]*)"/g)) {
      const link = htmlUnescape(href!)
      if (!seen.has(link)) await walk(link)
    }
  }
  await walk(`/${hash}/`)
  t.strictSame(Object.fromEntries([...seen].filter(([url]) => !url.endsWith('/'))), {
    [`${base}/one.mkv`]: 200,
    [`${base}/extra/${encodeURIComponent(UMLAUT_NAME)}`]: 200,
    [`${base}/empty.txt`]: 200,
    [`${base}/latest`]: 302,
    [`${base}/?tar`]: 200,
    [`${base}/extra/?tar`]: 200,
  })

  const hostileTorrent = makeTorrent({
    files: [{ path: 'x', contents: 'x' }],
    name: '</title><script>alert(1)</script>',
  })
  torrents.set(hostileTorrent.metainfo.infoHash.toString('hex'), {
    ...torrents.get(hash)!,
    metainfo: { ...metainfo, ...hostileTorrent.metainfo },
  })
  for (const url of ['/', `/${hostileTorrent.metainfo.infoHash.toString('hex')}/`])
    t.notMatch((await ask(url)).text, '<script')
  const head = await ask('/', { method: 'HEAD' })
  t.match(head, { status: 200, text: '', headers: { 'content-type': 'text/html; charset=utf-8' } })
})

t.test('the lists are JSON on request', async t => {
  const { ask, base, hash, metainfo } = await serve(t)
  const { torrents } = JSON.parse((await ask('/?json')).text)
  const torrent = { name: 'show', infoHash: hash, length: metainfo.length, url: `/${hash}/`, progress: null }
  t.match(torrents, [torrent])
  const accept = { headers: { accept: 'application/json, */*' } }
  const answer = await ask(`/${hash}/`, accept)
  t.match(answer.headers, { 'content-type': 'application/json; charset=utf-8', vary: 'Accept' })
  const { files, ...rest } = JSON.parse(answer.text)
  t.match(rest, torrent)
  t.match(files, [
    { index: 0, path: 'show/one.mkv', length: 300_000, url: `${base}/one.mkv` },
    { index: 2, path: `show/extra/${UMLAUT_NAME}`, length: 25 },
    { index: 3, path: 'show/empty.txt', length: 0 },
    { index: 4, path: 'show/latest', length: 0, symlink: 'show/one.mkv' },
  ])
  t.equal(files.length, 4)
  t.equal((await ask(files[1].url)).text, '<script>alert(1)</script>')
  t.equal(JSON.parse((await ask(`${base}/extra/?json`)).text).files.length, 1)
  const browser = { headers: { accept: 'text/html,application/json;q=0.9' } }
  t.match((await ask('/', browser)).headers, { 'content-type': /^text\/html/ })
})

t.test('twenty thousand files are listed', async t => {
  const { server, torrents, hash, ask, metainfo } = await serve(t)
  const name = 'n'.repeat(100)
  const files = Array.from({ length: 20_000 }, (_, n) => ({
    ...metainfo.files[0]!,
    path: `show/${n}${name}`,
  }))
  torrents.set(hash, { ...torrents.get(hash)!, metainfo: { ...metainfo, files } })
  t.equal(JSON.parse((await ask(`/${hash}/?json`)).text).files.length, 20_000)
  t.equal((await ask(`/${hash}/`)).text.match(/<tr>/g)!.length, 20_001)
  t.equal(server.readers, 0)
})

t.test('HTML in a torrent is shown without scripts, and its name arrives unchanged', async t => {
  const { ask, base } = await serve(t)
  const { headers } = await ask(`${base}/extra/${encodeURIComponent(UMLAUT_NAME)}`)
  t.equal(headers['content-type'], 'text/html; charset=utf-8')
  t.match(headers['content-security-policy'], /^sandbox; default-src 'none';/)
  t.notMatch(headers['content-security-policy'], /script|allow/)
  const { type, parameters } = contentDisposition(headers['content-disposition']!)
  t.equal(type, 'inline')
  t.equal(parameters.filename, UMLAUT_NAME)
})

t.test('a request with a foreign Host is refused', async t => {
  const { ask, base, opened } = await serve(t)
  for (const host of ['evil.example', 'evil.example:80', '10.0.0.1'])
    t.equal((await ask(`${base}/one.mkv`, { headers: { host } })).status, 421, host)
  t.equal(opened.length, 0)
  for (const host of ['localhost:1', '[::1]', '127.0.0.1'])
    t.equal((await ask(`${base}/one.mkv`, { headers: { host } })).status, 200, host)
})

t.test('a token is required, and links carry it', async t => {
  const token = 'a&b c/<"'
  const { ask, base, hash, server } = await serve(t, { token })
  const refused = await ask(`${base}/one.mkv`)
  t.match(refused, { status: 401, headers: { 'www-authenticate': /^Bearer/, 'cache-control': 'no-store' } })
  t.equal((await ask('/?token=wrong')).status, 401)
  t.equal((await ask('/nothing-here')).status, 401, 'also where there is nothing')
  const headers = { authorization: `Bearer ${token}` }
  t.equal((await ask(`${base}/one.mkv`, { headers })).status, 200)
  t.ok(server.url.endsWith(`/?token=${encodeURIComponent(token)}`))
  const { pathname, search } = new URL(server.url)
  const home = await ask(pathname + search)
  t.equal(home.status, 200)
  t.notOk(home.headers['cross-origin-resource-policy'])
  const link = home.text.match(/href="([^"]*)"/)![1]!
  const page = await ask(link)
  t.equal(page.status, 200)
  const file = page.text.match(/href="([^"]*one\.mkv[^"]*)"/)![1]!
  t.equal((await ask(file)).status, 200)
  t.match(await ask(`/${hash}${search}`), { status: 302, headers: { location: `/${hash}/${search}` } })
})

t.test('addresses other than loopback need a token; a taken port is an error', async t => {
  const torrents = new Map()
  for (const host of ['0.0.0.0', '::', '192.0.2.1'])
    await t.rejects(new HttpServer(torrents, { host }).listen(), { code: 'ERR_USAGE', message: host })
  await t.rejects(new HttpServer(torrents, { token: '' }).listen(), { code: 'ERR_USAGE' })
  const { port } = await serve(t)
  await t.rejects(new HttpServer(torrents, { port }).listen(), {
    code: 'ERR_LISTEN',
    message: `127.0.0.1:${port}`,
  })
  const others = new HttpServer(torrents, { host: '127.0.0.2', port })
  t.equal((await others.listen()).url, `http://127.0.0.2:${port}/`)
  await others.close()
  await others.close()
})

t.test('a failure before the first byte is a status', async t => {
  const rows: [() => Error, number][] = [
    [() => new StorageError('ERR_STORAGE', 'the disk'), 500],
    [() => new StalledError('ERR_STALLED', 'no peers'), 504],
    [() => new StorageError('ERR_ABORTED', 'it was closed'), 503],
    [() => new Error('x'), 500],
  ]
  for (const [error, expected] of rows) {
    for (const isLate of [true, false]) {
      const read = () => {
        if (!isLate) throw error()
        return new NodeReadable({
          read() {
            this.destroy(error())
          },
        })
      }
      const { ask, base, warnings } = await serve(t, { read })
      const { status, headers } = await ask(`${base}/one.mkv`)
      t.equal(status, expected)
      t.notOk(headers.etag)
      t.strictSame(warnings, [`show/one.mkv: ${error().message}`])
    }
  }
})

t.test('a file without a byte in a minute gets 504, and its reader is freed', async t => {
  const clock = new VirtualClock()
  const slow: Slow[] = []
  const read = (bytes: Buffer, range: ResponseRange) => {
    slow.push(new Slow(bytes, range))
    return slow.at(-1)!
  }
  const { ask, base, server } = await serve(t, { clock, read })
  const answers = [ask(`${base}/one.mkv`), ask(`${base}/one.mkv`, { headers: { range: 'bytes=7-9' } })]
  await waitUntil(() => slow.length >= 2)
  const patient = slow.find(({ range }) => range.start === 7)!
  await patient.give(1)
  await clock.advance(FIRST_BYTE_TIMEOUT_MS)
  t.equal((await answers[0]!).status, 504)
  t.equal(clock.pending, 0)
  await patient.give(2)
  await patient.give(0)
  const { status, body } = await answers[1]!
  t.equal(status, 206)
  t.ok(body.equals(VIDEO_BYTES.subarray(7, 10)), 'a request that has begun may be slow')
  await untilIdle(server)
  t.ok(slow.every(({ destroyed }) => destroyed))
})

t.test('a body that fails, or is too short or too long, never looks complete', async t => {
  const ends: ((file: Buffer) => AsyncGenerator<Buffer>)[] = [
    async function* (file) {
      yield file.subarray(0, 100_000)
      throw new StorageError('ERR_STORAGE', 'the disk')
    },
    async function* (file) {
      yield file.subarray(0, 299_999)
    },
    async function* (file) {
      yield file
      yield file.subarray(0, 1)
    },
  ]
  for (const end of ends) {
    const read = (file: Buffer) => NodeReadable.from(end(file), { objectMode: false })
    const { ask, base, warnings, server } = await serve(t, { read })
    if (end !== ends[2]) await t.rejects(ask(`${base}/one.mkv`), { code: 'ECONNRESET' })
    else await ask(`${base}/one.mkv`).catch(() => {})
    await untilIdle(server)
    t.match(warnings[0], /^show\/one\.mkv: /)
  }
})

t.test('a part that fails ends the whole body', async t => {
  const read = (file: Buffer, { start, end }: ResponseRange) =>
    NodeReadable.from(slices(file.subarray(start, start === 5 ? end - 1 : end)), { objectMode: false })
  const { video, warnings } = await serve(t, { read })
  await t.rejects(video('bytes=0-1,5-6,9-9'), { code: 'ECONNRESET' })
  t.match(warnings, [/^show\/one\.mkv: ended 1 bytes before its end$/])
})

t.test('a client that disconnects frees its reader at once, also before the first byte', async t => {
  const slow: Slow[] = []
  const read = (bytes: Buffer, range: ResponseRange) => {
    slow.push(new Slow(bytes, range))
    return slow.at(-1)!
  }
  const { port, base, server, warnings } = await serve(t, { read })
  for (const bytes of [0, 1000]) {
    const request = http.get({ host: '127.0.0.1', port, path: `${base}/one.mkv`, agent: false })
    request.on('error', () => {})
    await waitUntil(() => slow.length > 0)
    const stream = slow.pop()!
    if (bytes > 0) {
      await stream.give(bytes)
      await once(request, 'response')
    }
    request.destroy()
    await stream.closed()
    await untilIdle(server)
  }
  // requests that wait behind another one on the same connection
  const socket = net.connect(port, '127.0.0.1')
  socket.write(`GET ${base}/one.mkv HTTP/1.1\r\nHost: localhost\r\n\r\n`.repeat(3))
  await waitUntil(() => slow.length >= 1)
  await slow[0]!.give(100_000)
  t.equal(server.readers, 1)
  socket.destroy()
  await slow[0]!.closed()
  await untilIdle(server)
  t.equal(slow.length, 1, 'the others were never begun')
  t.strictSame(warnings, [])
})

t.test('pipelined requests are answered in order, one file at a time', async t => {
  const { port, base, server } = await serve(t)
  const ranges = [3, 1, 2].map(n => `${n}-${n + 4}`)
  const text = ranges.map(
    range => `GET ${base}/one.mkv HTTP/1.1\r\nHost: localhost\r\nRange: bytes=${range}\r\n\r\n`,
  )
  const last = 'GET /none HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'
  const answers = (await raw(port, text.join('') + last)).split('HTTP/1.1 ').slice(1)
  t.strictSame(
    answers.map(answer => [answer.slice(0, 3), /content-range: bytes (.*)\//i.exec(answer)?.[1]]),
    [...ranges.map(range => ['206', range]), ['404', undefined]],
  )
  await untilIdle(server)
})

t.test('a connection that pipelines more requests than may wait is closed', async t => {
  const slow: Slow[] = []
  const read = (bytes: Buffer, range: ResponseRange) => {
    slow.push(new Slow(bytes, range))
    return slow.at(-1)!
  }
  const { port, base, server } = await serve(t, { read })
  const request = `GET ${base}/one.mkv HTTP/1.1\r\nHost: localhost\r\n\r\n`
  t.equal(await raw(port, request.repeat(200)).catch(() => ''), '')
  await untilIdle(server)
  t.ok(slow.length <= 1)
})

t.test('a request that is refused ends its connection, also when others wait behind it', async t => {
  const { port } = await serve(t, { token: 'sesame' })
  const answers = await raw(port, 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(20))
  t.match(answers, /^HTTP\/1.1 401 .*\r\nConnection: close\r\n/s)
  t.equal(answers.split('HTTP/1.1 401').length, 2)
})

t.test('a client that does not read holds back its file, and costs no memory', async t => {
  const block = noise(65_536, 3)
  const length = 24 << 20 // more than the buffers of both sockets
  let given = 0
  const read = (_: Buffer, { start, end }: ResponseRange) => {
    let at = start
    return new NodeReadable({
      highWaterMark: block.length,
      read() {
        this.push(at < end ? block : null)
        at += block.length
        given += block.length
      },
    })
  }
  const { port, base, server, torrents, hash, metainfo } = await serve(t, { read })
  torrents.set(hash, {
    ...torrents.get(hash)!,
    metainfo: { ...metainfo, files: [{ ...metainfo.files[0]!, length }] },
  })
  const response = await begin(port, `${base}/one.mkv`)
  let before = -1
  while (given !== before) {
    before = given
    for (let turn = 0; turn < 50; turn++) await new Promise(resolve => setImmediate(resolve))
  }
  t.ok(given < 16 << 20, `${given} bytes were read for it`)
  let got = 0
  for await (const chunk of response) got += chunk.length
  t.equal(got, length, 'and goes on with it')
  await untilIdle(server)
})

t.test('with all readers in use and no queue a request gets 503, until a reader ends', async t => {
  const slow: Slow[] = []
  const read = (bytes: Buffer, range: ResponseRange) => {
    slow.push(new Slow(bytes, range))
    return slow.at(-1)!
  }
  const { ask, video, base, port, server } = await serve(t, { read, maxReaders: 2, maxWaiting: 0 })
  const held = ['bytes=0-0', 'bytes=1-1'].map(range => video(range))
  await waitUntil(() => slow.length >= 2)
  t.match(await video('bytes=2-2'), { status: 503, headers: { 'retry-after': '1' } })
  t.equal((await ask(`${base}/one.mkv`, { method: 'HEAD' })).status, 200)
  t.equal((await ask('/')).status, 200)
  for (const stream of slow) {
    await stream.give(1)
    await stream.give(0)
  }
  t.strictSame(
    (await Promise.all(held)).map(({ status }) => status),
    [206, 206],
  )
  await untilIdle(server)
  const request = begin(port, `${base}/one.mkv`)
  await waitUntil(() => slow.length >= 3)
  await slow[2]!.give(5)
  await request
  const closed = slow[2]!.closed()
  await server.close()
  await closed
  await untilIdle(server)
  t.equal(server.readers, 0, 'and close ends what is still going on')
})

t.test('with all places taken, an idle connection gives way to a new one, a busy one never', async t => {
  const slow: Slow[] = []
  const read = (bytes: Buffer, range: ResponseRange) => {
    slow.push(new Slow(bytes, range))
    return slow.at(-1)!
  }
  const { port, base, video } = await serve(t, { read, maxConnections: 2 })
  const held = await begun(video('bytes=0-1'))
  const idle = net.connect(port, '127.0.0.1')
  await once(idle, 'connect')
  const other = await begun(video('bytes=2-3'))
  await once(idle, 'close')
  await t.rejects(ask(port, '/'), { code: 'ECONNRESET' }, 'both are busy')
  for (const [at, [answer]] of [held, other].entries()) {
    await slow[at]!.give(2)
    await slow[at]!.give(0)
    t.equal((await answer).status, 206)
  }
  t.equal((await ask(port, `${base}/`)).status, 200)

  /** Sends a request, and resolves when its file is read. */
  async function begun(answer: Promise<Answer>) {
    const before = slow.length
    await waitUntil(() => slow.length !== before)
    return [answer] as const
  }
})

t.test('a directory is sent as a tar archive of its selected files, with its length', async t => {
  const isSelected = (index: number) => index !== 3
  const { ask, base, hash, metainfo, opened, port, server, warnings } = await serve(t, {
    more: { isSelected },
  })
  const all = await ask(`/${hash}/?tar`)
  t.equal(all.status, 200)
  t.match(all.headers, {
    'accept-ranges': 'none',
    'content-disposition': 'attachment; filename=show.tar',
    'content-length': String(tarSize(metainfo, { select: isSelected })),
    'content-type': 'application/x-tar',
  })
  t.notOk(all.headers.etag)
  const names = await entriesOf(all.body)
  t.strictSame(
    names.map(({ path, size }) => [path, size]),
    [
      ['show/one.mkv', VIDEO_BYTES.length],
      [`show/extra/${UMLAUT_NAME}`, 25],
      ['show/latest', 0],
    ],
  )
  t.equal(opened.length, 2, 'one file after the other, and none for a symlink')
  const head = await ask(`/${hash}/?tar`, { method: 'HEAD' })
  t.strictSame({ ...head.headers, date: 0 }, { ...all.headers, date: 0 })
  t.equal(head.body.length, 0)
  const range = await ask(`/${hash}/?tar`, { headers: { range: 'bytes=0-9' } })
  t.equal(range.status, 200, 'a range is not supported')
  t.ok(range.body.equals(all.body), 'the same bytes')
  for (const path of [`${base}/extra/?tar`, `${base}/extra?tar`]) {
    const { body, headers } = await ask(path)
    t.equal(headers['content-disposition'], 'attachment; filename=extra.tar')
    t.strictSame(
      (await entriesOf(body)).map(({ path }) => path),
      [`show/extra/${UMLAUT_NAME}`],
    )
  }
  t.equal((await ask(`${base}/none/?tar`)).status, 404)
  t.match((await ask(`${base}/`)).text, `href="${base}/?tar" download`)
  t.match(await raw(port, `POST /${hash}/?tar HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`), /^HTTP\/1.1 405/)
  await untilIdle(server)
  t.strictSame(warnings, [])
})

t.test('a client that leaves ends the reading of an archive', async t => {
  const streams: Slow[] = []
  const { hash, port, server, warnings } = await serve(t, {
    read: (content, range) => {
      streams.push(new Slow(content, range))
      return streams.at(-1)!
    },
  })
  const response = await begin(port, `/${hash}/?tar`)
  response.on('error', () => {})
  await waitUntil(() => streams.length === 1)
  await streams[0]!.give(1000)
  response.destroy()
  await streams[0]!.closed()
  await untilIdle(server)
  t.equal(streams.length, 1)
  t.strictSame(warnings, [])
})

t.test('a failure within an archive closes the connection', async t => {
  const { ask, hash, warnings, server } = await serve(t, {
    read: (content, range) => {
      if (range.end === 25) throw new StorageError('ERR_STORAGE', 'the disk is gone')
      return NodeReadable.from(slices(content), { objectMode: false })
    },
  })
  await t.rejects(ask(`/${hash}/?tar`))
  await untilIdle(server)
  t.match(warnings, [/the disk is gone/])
})

async function entriesOf(archive: Buffer): Promise<{ path: string; size: number }[]> {
  const entries: { path: string; size: number }[] = []
  const parser = new Parser({
    onReadEntry: entry => {
      entries.push({ path: entry.path, size: entry.size ?? 0 })
      entry.resume()
    },
  })
  const ended = once(parser, 'end')
  parser.end(archive)
  await ended
  return entries
}
