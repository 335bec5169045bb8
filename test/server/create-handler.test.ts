import { once } from 'node:events'
import { createServer, get, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import t, { type Test } from 'tap'
import { Client, parseAddress, type Torrent, WindowStorage } from '../../src/index.ts'
import { parse } from '../../src/metainfo/parse.ts'
import { createHandler } from '../../src/server/index.ts'
import { offer, type PeerPieces } from '../helpers/cli.ts'
import { HYBRID_PIECE_LENGTH, hybridFiles, hybridInfo, rootOf, v2Torrent } from '../helpers/v2-torrent.ts'

/** A server of `node:http` with this listener, closed at the end of the test. Resolves with its origin. */
async function serve(t: Test, listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

interface Downloading {
  readonly client: Client
  readonly torrent: Torrent
  readonly hash: string
}

/** A client with one torrent that downloads what is read, from one seed. */
async function downloading(t: Test): Promise<Omit<PeerPieces, 'torrent'> & Downloading> {
  const offered = await offer(t, {
    trackers: [],
    files: { 'a.txt': 100_000, 'sub/b.bin': 200_000 },
    name: 'dir',
  })
  const client = new Client({ dht: false, lsd: false, listen: false })
  t.teardown(() => client.close())
  const torrent = await client.add(offered.metainfo, { peers: [parseAddress(offered.peer)] })
  return { ...offered, client, torrent, hash: offered.metainfo.infoHash.toString('hex') }
}

const begin = (torrent: Torrent) => torrent.begin({ storage: new WindowStorage(), onDemand: true })
const bytesOf = async (response: Response) => Buffer.from(await response.arrayBuffer())

t.test('a file of a client is downloaded while it is read, with ranges, HEAD and conditions', async t => {
  const { client, torrent, hash, file } = await downloading(t)
  begin(torrent)
  const origin = await serve(t, createHandler(client))
  const url = `${origin}/${hash}/dir/sub/b.bin`
  const range = await fetch(url, { headers: { range: 'bytes=150000-150099' } })
  t.equal(range.status, 206)
  t.equal(range.headers.get('content-range'), 'bytes 150000-150099/200000')
  t.ok((await bytesOf(range)).equals(file(1).subarray(150_000, 150_100)))
  t.ok(torrent.progress.downloaded < 100_000, 'only what was read was downloaded')
  const head = await fetch(url, { method: 'HEAD' })
  t.strictSame([head.status, head.headers.get('content-length')], [200, '200000'])
  const etag = head.headers.get('etag')!
  t.equal((await fetch(url, { headers: { 'if-none-match': etag } })).status, 304)
  t.equal((await fetch(url, { headers: { 'if-match': '"other"' } })).status, 412)
  t.equal((await fetch(url, { headers: { range: 'bytes=200000-' } })).status, 416)
  t.ok((await bytesOf(await fetch(url))).equals(file(1)))
  t.equal((await fetch(url, { method: 'POST' })).status, 405)
})

t.test('a collection is read at each request: a torrent is served once it has begun', async t => {
  const { client, torrent, hash } = await downloading(t)
  const origin = await serve(t, createHandler(client))
  t.equal((await fetch(`${origin}/${hash}/`)).status, 404)
  begin(torrent)
  t.equal((await fetch(`${origin}/${hash}/`)).status, 200)
  await torrent.close()
  t.equal((await fetch(`${origin}/${hash}/`)).status, 404)
})

t.test(
  'below a prefix, links work with a router that removes the prefix and with one that keeps it',
  async t => {
    const { torrent, hash, file } = await downloading(t)
    begin(torrent)
    const handler = createHandler({ torrents: [torrent] }, { prefix: '/media' })
    const keeping = await serve(t, handler)
    const removing = await serve(t, (request, response) => {
      request.url = request.url!.replace(/^\/media(?=\/|$)/, '') || '/' // as Express does
      handler(request, response)
    })
    for (const origin of [keeping, removing]) {
      const listing = await fetch(`${origin}/media/?json`)
      const { torrents } = (await listing.json()) as { torrents: { url: string }[] }
      t.strictSame(
        torrents.map(({ url }) => url),
        [`/media/${hash}/`],
      )
      const directory = await fetch(`${origin}${torrents[0]!.url}?json`)
      const { files } = (await directory.json()) as { files: { url: string }[] }
      const response = await fetch(origin + files[0]!.url)
      t.ok((await bytesOf(response)).equals(file(0)), files[0]!.url)
    }
    t.equal((await fetch(`${keeping}/other/`)).status, 404)
  },
)

t.test('the Host has to be the one in the options, or any with `*`', async t => {
  const { torrent } = await downloading(t)
  begin(torrent)
  const collection = { torrents: [torrent] }
  const statusWith = async (host: string | undefined, asked: string) => {
    const origin = await serve(t, createHandler(collection, host === undefined ? {} : { host }))
    const { port } = new URL(origin)
    return new Promise(resolve => {
      const request = get({ port, host: '127.0.0.1', headers: { host: asked } }, response => {
        response.resume()
        resolve(response.statusCode)
      })
      t.teardown(() => request.destroy())
    })
  }
  t.equal(await statusWith(undefined, 'evil.example'), 421)
  t.equal(await statusWith(undefined, 'localhost:1'), 200)
  t.equal(await statusWith('media.example', 'media.example'), 200)
  t.equal(await statusWith('media.example', 'evil.example'), 421)
  t.equal(await statusWith('*', 'media.example'), 200)
})

t.test('with a token, every request and every link carries it', async t => {
  const { torrent, hash, file } = await downloading(t)
  begin(torrent)
  const origin = await serve(t, createHandler({ torrents: [torrent] }, { token: 'secret' }))
  const url = `${origin}/${hash}/dir/a.txt`
  t.equal((await fetch(url)).status, 401)
  t.ok((await bytesOf(await fetch(`${url}?token=secret`))).equals(file(0)))
  const authorized = await fetch(url, { headers: { authorization: 'Bearer secret' } })
  t.ok((await bytesOf(authorized)).equals(file(0)))
  t.match(await (await fetch(`${origin}/?token=secret`)).text(), /href="[^"]*\?token=secret"/)
})

t.test('invalid options are rejected at once, and a failed read is reported', async t => {
  const { torrent, metainfo, hash } = await downloading(t)
  t.throws(() => createHandler({ torrents: [] }, { token: '' }), { code: 'ERR_USAGE', message: /token/ })
  t.throws(() => createHandler({ torrents: [] }, { prefix: 'media' }), {
    code: 'ERR_USAGE',
    message: /prefix/,
  })
  const warnings: string[] = []
  const served = {
    metainfo,
    read: () => {
      throw new Error('the disk is gone')
    },
  }
  const onWarning = ({ message }: Error) => warnings.push(message)
  const origin = await serve(t, createHandler(new Map([[hash, served]]), { onWarning }))
  t.equal((await fetch(`${origin}/${hash}/dir/a.txt`)).status, 500)
  t.strictSame(warnings, ['dir/a.txt: the disk is gone'])
  await torrent.close()
})

t.test('BEP 52: URLs with either info-hash name a torrent, and equal files have the same ETag', async t => {
  const equal = { ...hybridFiles, z: hybridFiles.b }
  const v2 = parse(v2Torrent(equal, HYBRID_PIECE_LENGTH))
  const hybrid = parse(v2Torrent(hybridFiles, HYBRID_PIECE_LENGTH, { info: hybridInfo }))
  for (const metainfo of [v2, hybrid]) {
    const read = (index: number, { start, end }: { start: number; end: number }) =>
      Readable.from([equal[metainfo.files[index]!.path.slice(2) as keyof typeof equal].subarray(start, end)])
    const hash = metainfo.infoHash.toString('hex')
    const whole = metainfo.infoHashV2!.toString('hex')
    const origin = await serve(t, createHandler(new Map([[hash, { metainfo, read }]])))
    const tags: (string | null)[] = []
    for (const name of [hash, whole, whole.slice(0, 40), whole.toUpperCase()]) {
      const response = await fetch(`${origin}/${name}/d/b`)
      t.equal(response.status, 200, name)
      t.ok((await bytesOf(response)).equals(equal.b))
      tags.push(response.headers.get('etag'))
    }
    t.same(new Set(tags), new Set([`"${rootOf(equal.b).toString('hex')}"`]))
    const range = { range: 'bytes=40000-40009', 'if-range': tags[0]! }
    const part = await fetch(`${origin}/${hash}/d/b`, { headers: range })
    t.equal(part.status, 206)
    t.ok((await bytesOf(part)).equals(equal.b.subarray(40_000, 40_010)))
    t.equal((await fetch(`${origin}/${hash}/d/b`, { headers: { 'if-none-match': tags[0]! } })).status, 304)
    if (metainfo === v2) t.equal((await fetch(`${origin}/${hash}/d/z`)).headers.get('etag'), tags[0])
    for (const name of [whole.slice(0, 39), `${whole}0`, whole.replace(/./g, '0')]) {
      t.equal((await fetch(`${origin}/${name}/d/b`)).status, 404, name)
    }
    const list = await fetch(`${origin}/`, { headers: { accept: 'application/json' } })
    t.match(await list.json(), { torrents: [{ infoHash: hash, infoHashV2: whole }] })
  }
})
