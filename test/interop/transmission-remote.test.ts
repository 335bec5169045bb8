import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { torrentOf } from '../../src/metainfo/torrent.ts'
import { RPC_METHODS } from '../../src/server/transmission/transmission-api.ts'
import { pollUntil } from '../helpers/counterparts/poll-until.ts'
import { scratch, without } from '../helpers/counterparts/process.ts'
import { checkTested, recordCalls } from '../helpers/documented-calls.ts'
import { makeTorrent } from '../helpers/metainfo.ts'
import { openRemote } from '../helpers/remote.ts'
import { shareAll } from '../helpers/session.ts'

const skip = without('transmission-remote', '--version')
const run = promisify(execFile)

const called = recordCalls(t, RPC_METHODS)

t.test('transmission-remote drives a session', { skip }, async t => {
  let isClosed = false
  const remote = await openRemote(t, {
    control: {
      shutDown: () => {
        isClosed = true
      },
    },
  })
  const { session } = remote
  const ask = async (...args: string[]) => {
    const address = remote.base.replace('http://', '')
    // a failed request gives an exit code, and its reason is printed
    const { stdout, stderr } = await run('transmission-remote', [address, ...args]).catch(error => error)
    return stdout + stderr
  }
  const succeeds = async (...args: string[]) => t.match(await ask(...args), /"success"/, args.join(' '))
  const made = makeTorrent({
    files: [
      { path: 'album/one', length: 50_000 },
      { path: 'album/two', length: 50_000 },
    ],
    name: 'album',
    pieceLength: 16_384,
  })
  const { port } = await shareAll(t, [made])
  const file = join(scratch(t), 'album.torrent')
  writeFileSync(file, torrentOf({ ...made.metainfo, trackers: [['http://127.0.0.1:9/announce']] }))
  const hash = made.metainfo.infoHash.toString('hex')
  const other = 'f'.repeat(40)

  await succeeds('--start-paused', '-a', file)
  await succeeds('-w', '/elsewhere', '-a', `magnet:?xt=urn:btih:${other}&dn=link`)
  t.match(await ask('-l'), /1\s+0%\s+None\s+Unknown.*Stopped\s+album/)
  t.match(await ask('-l'), /link/)
  t.match(
    await ask('-t1', '-i'),
    new RegExp(
      `Name: album[\\s\\S]*Hash: ${hash}[\\s\\S]*Total size: 100.0 kB[\\s\\S]*Piece Size: 16.00 KiB`,
    ),
  )
  t.match(await ask('-t1', '-if'), /0%\s+Normal\s+Yes\s+50.00 kB\s+album\/one/)
  t.match(await ask('-t1', '-it'), /Tracker 0: 127\.0\.0\.1:9/)
  t.match(await ask('-t1', '-ip'), /Address/)
  t.match(await ask('-t1', '-ic'), /0/)

  await succeeds('-t1', '-L', 'music,flac')
  await succeeds('-t1', '-d', '500')
  await succeeds('-t1', '-u', '300')
  await succeeds('-t1', '-sr', '1.5')
  await succeeds('-t1', '-pr', '33')
  await succeeds('-t1', '-G', '1')
  await succeeds('-t1', '-ph', '0')
  await succeeds('-t1', '-td', 'http://127.0.0.1:9/second')
  await succeeds('-t1', '-tr', '0')
  t.match(session.get(1)!.record, {
    labels: ['music', 'flac'],
    down: { enabled: true, value: 500_000 },
    up: { enabled: true, value: 300_000 },
    seedRatio: { mode: 'own', value: 1.5 },
    maxPeers: 33,
    priorities: { off: '1', high: '0' },
    trackers: [['http://127.0.0.1:9/second']],
  })
  await succeeds('-t1', '-g', '1')
  await succeeds('-t1', '-hl')
  await succeeds('-t1', '-SR')
  await succeeds('-t1', '-s')
  await succeeds('-t1', '--reannounce')
  await pollUntil(() => session.get(1)!.torrent !== undefined)
  await succeeds('-t1', '-S')
  const link = `magnet:?xt=urn:btih:${hash}&x.pe=127.0.0.1:${port}`
  await succeeds('-t1', '-r')
  await succeeds('--no-start-paused', '-a', link)
  const torrent = session.get(hash)!
  const id = `-t${torrent.id}`
  await pollUntil(() => torrent.status === 'seeding')
  t.match(await ask('-l'), /100%\s+100.0 kB/)
  await succeeds(id, '-v')
  await pollUntil(() => torrent.status === 'seeding')
  await succeeds(id, '--move', '/moved')
  await pollUntil(() => torrent.record.directory === '/moved')
  await succeeds(id, '--find', '/moved')

  await succeeds('-d', '1000')
  await succeeds('-u', '500')
  await succeeds('-as')
  await succeeds('-asd', '50')
  await succeeds('-gsr', '3')
  await succeeds('-w', '/elsewhere')
  t.match(session.settings, {
    down: { enabled: true, value: 1_000_000 },
    up: { enabled: true, value: 500_000 },
    alternative: { enabled: true, down: 50_000 },
    seedRatio: { enabled: true, value: 3 },
    directory: '/elsewhere',
  })
  t.match(await ask('-si'), /Daemon version: 4\.\d+\.\d+ \(tsdl [\s\S]*Download directory: \/elsewhere/)
  t.match(await ask('-st'), /CURRENT SESSION[\s\S]*TOTAL/)
  t.match(await ask('-pt'), /Port is open: No/)
  t.match(await ask('--blocklist-update'), /URL is not set/)
  const lists = createServer((_, response) => void response.end('1.2.3.0/24\n')).listen(0, '127.0.0.1')
  t.teardown(() => lists.close())
  await once(lists, 'listening')
  const url = `http://127.0.0.1:${(lists.address() as AddressInfo).port}/`
  await session.set({ blocklist: { enabled: true, url } })
  await succeeds('--blocklist-update')
  t.equal(session.blocklist.size, 1)
  await succeeds('-tall', '-rad')
  t.equal(session.torrents.length, 0)
  t.match(await ask('-l'), /Sum:/)
  await succeeds('--exit')
  await pollUntil(() => isClosed)
  checkTested(t, 'Transmission', 'remote', called)
})

const PYTHON_PATH = '/usr/bin/python3'
const PYTHON_CALLS = `
import sys, transmissionrpc
client = transmissionrpc.Client('127.0.0.1', int(sys.argv[1]))
torrent = client.add_torrent(sys.argv[2], paused=True)
client.change_torrent(torrent.id, uploadLimit=50, uploadLimited=True)
client.set_files({torrent.id: {0: {'selected': True, 'priority': 'high'}, 1: {'selected': False}}})
client.rename_torrent_path(torrent.id, 'album/one', 'first')
client.queue_bottom(torrent.id)
client.start_torrent(torrent.id, bypass_queue=True)
client.set_session(speed_limit_down=100, speed_limit_down_enabled=True)
[torrent] = client.get_torrents()
print(torrent.name, torrent.status in ('checking', 'downloading'), torrent.progress, client.get_files()[torrent.id][0]['name'])
print(client.session_stats().torrentCount, client.rpc_version, client.port_test())
`

const withoutPython = without(PYTHON_PATH, '-c', 'import transmissionrpc')
t.test("Debian's python3-transmissionrpc drives a session", { skip: withoutPython }, async t => {
  const { base, session } = await openRemote(t)
  const files = ['one', 'two'].map(name => ({ path: `album/${name}`, length: 50_000 }))
  const { metainfo } = makeTorrent({ files, name: 'album', pieceLength: 16_384 })
  const args = ['-W', 'ignore', '-c', PYTHON_CALLS, new URL(base).port]
  const { stdout } = await run(PYTHON_PATH, [...args, Buffer.from(torrentOf(metainfo)).toString('base64')])
  t.equal(stdout, 'album True 0.0 album/first\n1 18 False\n')
  t.match(session.torrents[0]!.record, {
    ...{ intent: 'forced', priorities: { off: '1', high: '0' }, up: { enabled: true, value: 50_000 } },
  })
  t.match(session.settings.down, { enabled: true, value: 100_000 })
})

t.test('transmission-remote logs in with a user name and a password', { skip }, async t => {
  const remote = await openRemote(t, { server: { user: 'me', password: 'secret' } })
  const address = remote.base.replace('http://', '')
  const { stdout } = await run('transmission-remote', [address, '-n', 'me:secret', '-si'])
  t.match(stdout, /Daemon version/)
  const refused = await run('transmission-remote', [address, '-n', 'me:wrong', '-si']).catch(error => error)
  t.match(`${refused.stdout}${refused.stderr}`, /401|Unauthorized/)
})
