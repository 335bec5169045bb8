import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { gzipSync } from 'node:zlib'
import t, { type Test } from 'tap'
import { parseAddressRange } from '../../src/codec/address-range.ts'
import { AddressRanges } from '../../src/codec/address-ranges.ts'
import type { PeerAddress } from '../../src/codec/compact.ts'
import { Dht } from '../../src/dht/dht.ts'
import { parseMagnet } from '../../src/metainfo/magnet.ts'
import { torrentOf } from '../../src/metainfo/torrent.ts'
import { Client } from '../../src/pipeline/client.ts'
import { download } from '../../src/pipeline/download.ts'
import { fetchMetadata } from '../../src/pipeline/fetch-metadata.ts'
import { loadBlocklist } from '../../src/pipeline/sources/load-blocklist.ts'
import type { TorrentSource } from '../../src/pipeline/sources/torrent-source.ts'
import { stream } from '../../src/pipeline/stream.ts'
import { streamTar } from '../../src/pipeline/stream-tar.ts'
import { makeTorrent } from '../helpers/metainfo.ts'
import { leavesNothing, memoryDisk, OFFLINE_OPTIONS } from '../helpers/swarm.ts'

const made = makeTorrent({ files: [{ path: 'a', length: 100_000 }], pieceLength: 16_384 })
const { metainfo, content } = made
const bytes = torrentOf(metainfo)
const hash = metainfo.infoHash.toString('hex')

t.beforeEach(t => leavesNothing(t))

/** Starts one seed with its own client, until test `t` ends. */
async function seed(t: Test, options: ConstructorParameters<typeof Client>[0] = {}): Promise<PeerAddress> {
  const fs = memoryDisk()
  const client = new Client({ ...OFFLINE_OPTIONS, fs, ...options })
  t.teardown(() => client.close())
  await fs.writeFile('/home/a', content)
  const torrent = await download(metainfo, { client, output: '/home', share: true })
  await torrent.done
  return { host: '127.0.0.1', port: (await client.listen())!.port! }
}

async function all(reader: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of reader) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** Serves these bytes until test `t` ends. */
async function serve(t: Test, body: Uint8Array): Promise<string> {
  const server = createServer((_request, response) => response.end(body)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/x.torrent`
}

function base32(bytes: Uint8Array): string {
  const bits = Array.from(bytes, byte => byte.toString(2).padStart(8, '0')).join('')
  return bits.replace(/.{5}/g, five => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'[Number.parseInt(five, 2)]!)
}

t.test('a torrent streams from one seed, whatever kind of source names it', async t => {
  const peer = await seed(t)
  const path = join(t.testdir(), 'x.torrent')
  writeFileSync(path, bytes)
  const url = await serve(t, bytes)
  const shared = new SharedArrayBuffer(bytes.length)
  new Uint8Array(shared).set(bytes)
  const sources: Record<string, TorrentSource> = {
    path,
    'file URL': pathToFileURL(path),
    URL: new URL(url),
    'URL as text': url,
    magnet: `magnet:?xt=urn:btih:${hash}`,
    'magnet URL': new URL(`magnet:?xt=urn:btih:${hash}`),
    hex: hash,
    base32: base32(metainfo.infoHash),
    'lower-case base32': base32(metainfo.infoHash).toLowerCase(),
    Buffer: bytes,
    ArrayBuffer: Uint8Array.from(bytes).buffer,
    SharedArrayBuffer: shared,
    DataView: new DataView(Uint8Array.from(bytes).buffer),
    Metainfo: metainfo,
    Magnet: parseMagnet(hash),
  }
  for (const [name, source] of Object.entries(sources)) {
    t.ok((await all(stream(source, { ...OFFLINE_OPTIONS, peers: [peer] }))).equals(content), name)
  }
})

t.test('download, streamTar and fetchMetadata take a magnet link', async t => {
  const peer = await seed(t)
  const link = `magnet:?xt=urn:btih:${hash}&x.pe=127.0.0.1:${peer.port}`
  const fs = memoryDisk()
  const torrent = await download(link, { ...OFFLINE_OPTIONS, fs, output: '/home' })
  t.equal(torrent.metainfo.name, 'a', 'the metadata is known')
  await torrent.done
  await torrent.close()
  t.same(await fs.readFile('/home/a'), content)
  const tar = await all(streamTar(link, OFFLINE_OPTIONS))
  t.ok(tar.subarray(512, 512 + content.length).equals(content))
  t.same((await fetchMetadata(link, OFFLINE_OPTIONS)).info, made.info)
})

t.test('a link with the URL of the .torrent (xs) needs no peers for the metadata', async t => {
  const url = await serve(t, bytes)
  const link = `magnet:?xt=urn:btih:${hash}&xs=${encodeURIComponent(url)}`
  t.same((await fetchMetadata(link, OFFLINE_OPTIONS)).info, made.info)
  const other = await serve(t, torrentOf(makeTorrent({ files: [{ path: 'b', length: 1 }] }).metainfo))
  const warnings: string[] = []
  const control = new AbortController()
  const wrong = fetchMetadata(`magnet:?xt=urn:btih:${hash}&xs=${encodeURIComponent(other)}`, {
    ...OFFLINE_OPTIONS,
    signal: control.signal,
    warning: ({ message }) => {
      warnings.push(message)
      control.abort()
    },
  })
  await t.rejects(wrong, { code: 'ERR_ABORTED' })
  t.match(warnings, [/another torrent/])
})

t.test('a link selects files (BEP 53), unless the options select some', async t => {
  const two = makeTorrent({ files: ['a', 'b'].map(path => ({ path: `torrent/${path}`, length: 20_000 })) })
  const fs = memoryDisk()
  const client = new Client({ ...OFFLINE_OPTIONS, fs })
  t.teardown(() => client.close())
  await fs.mkdir('/home/torrent', { recursive: true })
  for (const { path, offset, length } of two.metainfo.files) {
    await fs.writeFile(`/home/${path}`, two.content.subarray(offset, offset + length))
  }
  await (await download(two.metainfo, { client, output: '/home', share: true })).done
  const port = (await client.listen())!.port
  const link = `magnet:?xt=urn:btih:${two.metainfo.infoHash.toString('hex')}&x.pe=127.0.0.1:${port}`
  const [a, b] = [two.content.subarray(0, 20_000), two.content.subarray(20_000)]
  t.ok((await all(stream(`${link}&so=1`, OFFLINE_OPTIONS))).equals(b))
  t.ok((await all(stream(`${link}&so=1`, { ...OFFLINE_OPTIONS, file: 0 }))).equals(a))
  await t.rejects(all(stream(link, OFFLINE_OPTIONS)), { code: 'ERR_USAGE', message: /file: .* 2 files/ })
  await t.rejects(all(stream(`${link}&so=7`, OFFLINE_OPTIONS)), { code: 'ERR_USAGE', message: /so: / })
  const disk = memoryDisk()
  const torrent = await download(`${link}&so=1`, { ...OFFLINE_OPTIONS, fs: disk, output: '/out' })
  await torrent.done
  await torrent.close()
  t.same(await disk.readFile('/out/torrent/b'), b)
  await t.rejects(disk.readFile('/out/torrent/a'))
})

t.test('without a tracker, the DHT finds the only seed, but not that of a private torrent', async t => {
  const router = await new Dht({ bind: '127.0.0.1', bootstrap: [] }).start()
  t.teardown(() => router.close())
  const local = { ...OFFLINE_OPTIONS, dht: true, dhtNodes: [{ host: '127.0.0.1', port: router.port(4)! }] }
  await seed(t, local)
  t.ok((await all(stream(hash, local))).equals(content))
  const privateMetainfo = { ...metainfo, private: true }
  const reader = stream(privateMetainfo, { ...local, timeout: 1000 })
  await t.rejects(all(reader), {
    code: 'ERR_STALLED',
    message: /no peers are known, and no tracker is asked/,
  })
})

t.test('a client option is rejected together with a client', async t => {
  const client = new Client(OFFLINE_OPTIONS)
  t.teardown(() => client.close())
  await t.rejects(download(metainfo, { client, output: '/home', port: 1 }), {
    name: 'InputError',
    message: /port: /,
  })
})

t.test('a resume record is kept in the state directory', async t => {
  const peer = await seed(t)
  const fs = memoryDisk()
  const checked: number[] = []
  for (let run = 0; run < 2; run++) {
    const torrent = await download(metainfo, {
      ...{ ...OFFLINE_OPTIONS, fs, output: '/home', stateDirectory: '/state', peers: [peer] },
    })
    await torrent.done
    await torrent.close()
    checked.push(torrent.progress.downloaded)
  }
  t.same(checked, [content.length, 0])
  t.ok(((await fs.readdir('/state')) as string[]).length > 0)
})

t.test('a blocklist is read from a path and a URL, in gzip or not, however it is cut', async t => {
  const fs = memoryDisk()
  const text = '# comment\r\n\r\na:1.2.3.0-1.2.3.255\r\n10.0.0.0/8\n2001:db8::/32'
  const sent = [Buffer.from(text), gzipSync(text)]
  let cut = 1
  let list = sent[0]!
  const server = createServer(async (_, response) => {
    for (let at = 0; at < list.length; at += cut) {
      response.write(list.subarray(at, at + cut))
      await new Promise(setImmediate)
    }
    response.end()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/list`
  const whole = AddressRanges.from(
    ['1.2.3.0/24', '10.0.0.0/8', '2001:db8::/32'].map(line => parseAddressRange(line)!),
  )
  for (list of sent) {
    await fs.writeFile('/home/list', list)
    t.same((await loadBlocklist('/home/list', { fs })).encode(), whole.encode())
    for (cut of [1, 1000]) t.same((await loadBlocklist(url)).encode(), whole.encode())
  }
  const broken: [list: Buffer, message: RegExp][] = [
    [Buffer.from('1.2.3.4\n\nx'), /^blocklist \/home\/list: line 3: expected a range of addresses, got "x"/],
    [Buffer.from(`1.2.3.4\n${'x'.repeat(70_000)}`), /line 2: longer than 4096 bytes/],
    [sent[1]!.subarray(0, -9), /list: its gzip is invalid: unexpected end/],
  ]
  for (const [bytes, message] of broken) {
    await fs.writeFile('/home/list', bytes)
    await t.rejects(loadBlocklist('/home/list', { fs }), { code: 'ERR_USAGE', message })
  }
  await t.rejects(loadBlocklist('/home/none', { fs }), {
    code: 'ERR_USAGE',
    message: /\/home\/none: cannot be read/,
  })
  const signal = AbortSignal.abort(new Error('enough'))
  await t.rejects(loadBlocklist('/home/list', { fs, signal }), { message: 'enough' })
})

t.test('a client loads its blocklist for the first torrent, and tries again after a failure', async t => {
  const fs = memoryDisk()
  const client = new Client({ ...OFFLINE_OPTIONS, fs, blocklist: '/home/list' })
  t.teardown(() => client.close())
  await t.rejects(client.add(metainfo), { code: 'ERR_USAGE', message: /^blocklist \/home\/list: / })
  await fs.writeFile('/home/list', '1.2.3.4\n')
  await client.add(metainfo)
  t.equal(client.blocklist?.has('1.2.3.4'), true)
})
