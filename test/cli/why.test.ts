import { spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { torrentOf } from '../../src/metainfo/torrent.ts'
import { eventsOf, tsdl } from '../helpers/cli.ts'
import { isolated } from '../helpers/isolated.ts'
import { makeTorrent } from '../helpers/metainfo.ts'
import { inProject } from '../helpers/project.ts'
import { type PeerScript, scriptedPeer } from '../helpers/scripted-peer.ts'
import { peersBody, scriptedTracker } from '../helpers/tracker.ts'

/** Milliseconds for a block of a slow peer: 320 KiB/s. */
const SLOW_BLOCK_MS = 50
/** `why` runs again, for twice as long, if it ran for no more than this. */
const MAX_SECONDS = 12

/** The parts of what `why --json` prints of a torrent that show whether it has measured long enough. */
interface Report {
  readonly status: string
  readonly bottleneck: { readonly kind: string; readonly outcomes?: readonly unknown[] }
  /** Seconds of each kind. */
  readonly kinds: Readonly<Record<string, number>>
}

/** Returns the kind that lasted longest. */
const mostOf = (kinds: Report['kinds']) => Object.entries(kinds).sort(([, a], [, b]) => b - a)[0]?.[0]

let files = 0

/** A torrent of 4 MiB as a file, and a way to make peers for it. */
function situation(t: Test, trackers: readonly (readonly string[])[] = []) {
  const made = makeTorrent({ files: [{ path: 'slow.bin', length: 4 << 20 }], pieceLength: 65_536, trackers })
  const path = join(t.testdirName, `${files++}.torrent`)
  writeFileSync(path, torrentOf(made.metainfo))
  const peer = async (script?: PeerScript) => {
    const { address } = await scriptedPeer(t, made, script)
    return ['--peer', `127.0.0.1:${address.port}`]
  }
  return { made, path, peer }
}

/** A script that sends one block after the other. */
function paced(): PeerScript {
  let free = 0
  return {
    request: (block, wire) => {
      free = Math.max(free, performance.now()) + SLOW_BLOCK_MS
      setTimeout(() => wire.sendBlock(block), free - performance.now())
    },
  }
}

/**
 * Runs `why` until it has named the situation, as a busy machine may need more than three seconds for that. Returns the
 * only torrent.
 */
async function why(args: readonly string[], isNamed: (torrent: Report) => boolean) {
  for (let seconds = 3; ; seconds *= 2) {
    const { code, stdout, stderr } = await tsdl(['why', '--json', '--for', `${seconds}`, ...args])
    t.equal(code, 0, stderr)
    const [torrent] = JSON.parse(stdout.toString()).torrents
    if (isNamed(torrent) || seconds > MAX_SECONDS) return torrent
  }
}

/** Returns what is true of a report that names a kind, and that many outcomes of peers. */
const named =
  (kind: string, outcomes = 0) =>
  ({ bottleneck }: Report) =>
    bottleneck.kind === kind && (bottleneck.outcomes?.length ?? 0) >= outcomes

t.test('why names each situation, with its evidence', async t => {
  t.testdir()
  const tracker = await scriptedTracker(t, { body: peersBody([]) })
  const { made, path, peer } = situation(t)
  const tracked = situation(t, [['http://127.0.0.1:9/announce'], [tracker.url]]).path
  const choking = await peer({ interested: () => {} })
  const partial = await peer({ has: index => index > 0 })
  // a client that speaks uTP alone: its port is open for UDP
  const udp = createSocket('udp4')
  t.teardown(() => udp.close())
  await new Promise<void>(resolve => udp.bind(0, '127.0.0.1', resolve))
  const utp = `127.0.0.1:${udp.address().port}`
  const [untracked, ownTracker, gone, failing, several, choked, missing, slow, limited] = await Promise.all([
    why([tracked], named('no-peers')),
    why([path, '--tracker', 'http://127.0.0.1:9/announce'], named('no-peers')),
    why([path, '--peer', '127.0.0.1:9'], named('unreachable', 1)),
    why([path, '--peer', utp, '--web-seed', 'http://127.0.0.1:9/x/'], named('unreachable', 1)),
    why([path, '--peer', '127.0.0.1:9', '--peer', '127.0.0.1:7', ...choking], named('choked', 3)),
    why([path, ...choking], named('choked')),
    why([path, ...partial], named('missing')),
    why([path, ...(await peer(paced()))], named('peers')),
    why([path, ...(await peer()), '--down', '100K'], ({ kinds }) => mostOf(kinds) === 'down-limit'),
  ])
  t.equal(
    untracked.bottleneck.sentence,
    `no tracker gave us any peer (tracker http://127.0.0.1:9/announce: connection refused; tracker ${tracker.url} named none)`,
  )
  t.equal(
    ownTracker.bottleneck.sentence,
    'no tracker gave us any peer (tracker http://127.0.0.1:9/announce: connection refused)',
  )
  t.match(untracked, {
    status: 'downloading',
    bottleneck: { kind: 'no-peers', evidence: { peers: { known: 0 } } },
  })
  t.equal(untracked.infoHash, situation(t).made.metainfo.infoHash.toString('hex'))
  t.match(gone.bottleneck, {
    kind: 'unreachable',
    sentence: 'the only peer, 127.0.0.1:9, refused the connection (over TCP: tsdl has no uTP)',
    outcomes: [{ address: '127.0.0.1:9', outcome: 'refused the connection' }],
  })
  t.equal(
    failing.bottleneck.sentence,
    `the only peer, ${utp}, refused the connection (over TCP: tsdl has no uTP); the only web seed cannot be used ` +
      '(web seed http://127.0.0.1:9/x/: connection refused)',
  )
  t.equal(several.bottleneck.kind, 'choked')
  t.strictSame(several.bottleneck.outcomes.map(({ outcome }: { outcome: string }) => outcome).sort(), [
    'chokes us',
    'refused the connection',
    'refused the connection',
  ])
  t.match(choked.bottleneck, {
    ...{ kind: 'choked', sentence: 'the only peer that has what is missing chokes us' },
    evidence: { peers: { useful: 1, choking: 1 }, shares: { choked: 1 } },
  })
  const count = made.metainfo.pieceCount
  const availability = (Math.floor(((count - 1) / count) * 100) / 100).toFixed(2)
  t.equal(missing.bottleneck.sentence, `the only peer lacks what is missing (availability ${availability})`)
  t.match(slow.bottleneck, {
    kind: 'peers',
    sentence: /^the only peer that sends, 127.* gives no more than [\d.]+ KiB\/s$/,
  })
  t.match(limited.bottleneck, {
    kind: 'down-limit',
    sentence: /^our limit of 100 KiB\/s \(--down\): reads waited/,
  })
  t.equal(mostOf(limited.kinds), 'down-limit')
})

t.test('why considers only the selected files', async t => {
  t.testdir()
  const files = ['a.bin', 'b.bin'].map(path => ({ path, length: 65_536 }))
  const made = makeTorrent({ files, multiFile: true, pieceLength: 65_536 })
  const path = join(t.testdirName, 'two.torrent')
  writeFileSync(path, torrentOf(made.metainfo))
  const { address } = await scriptedPeer(t, made, { has: index => index === 0 })
  const args = [path, '--peer', `127.0.0.1:${address.port}`]
  const [missing, present, unknown] = await Promise.all([
    why([...args, '--file', 'b.bin'], named('missing')),
    why([...args, '--exclude', '1'], ({ status }) => status === 'seeding'),
    tsdl(['why', ...args, '--file', 'c.bin']),
  ])
  t.equal(missing.bottleneck.sentence, 'the only peer lacks what is missing (availability 0.00)')
  t.equal(present.status, 'seeding', 'whatever was in the way until it had the selected file')
  t.match(present, { completed: { bytes: 65_536, seconds: Number } })
  t.notOk('completed' in missing)
  t.equal(unknown.code, 2)
  t.match(unknown.lines, [/no file matches "c.bin"/])
})

t.test('the progress of a download names a slow reader of standard output', async t => {
  t.testdir()
  const { path, peer } = situation(t)
  const ran = await tsdl([path, '--json', '--timeout', '0', '--memory', '1M', ...(await peer())], {
    stdout: 'unread',
    started: child => {
      let text = ''
      child.stderr!.on('data', chunk => {
        text += chunk
        // as soon as it is named, the reader reads all
        if (text.includes('"kind":"reader"')) child.stdout!.resume()
      })
    },
  })
  t.equal(ran.code, 0)
  const { bottleneck, limit } = eventsOf(ran).find(({ bottleneck }) => bottleneck?.kind === 'reader')
  t.equal(limit, 'reader')
  t.match(bottleneck, {
    short: 'waiting for the reader',
    sentence: /^the reader takes (no more than \S+ \S+|nothing): it waited/,
  })
})

t.test('why asks a running server for all torrents or for one, with its token', async t => {
  t.testdir()
  const [first, second] = [situation(t), situation(t)]
  const args = ['serve', first.path, '--http', '127.0.0.1:0', '--token', 'secret', '--no-tracker']
  const child = spawn(process.execPath, [inProject('dist/cli.js'), ...isolated(args)], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  t.teardown(() => child.kill())
  let text = ''
  while (!text.includes('serving at')) text += (await once(child.stderr, 'data'))[0]
  const url = /http:\S+/.exec(text)![0]
  const { origin } = new URL(url)
  const hash = first.made.metainfo.infoHash.toString('hex')
  const named = `http://localhost:${new URL(origin).port}/${hash}?token=secret`
  const [one, refused, unknown, dead, odd, wrong, otherFamily, resolved, unresolved] = await Promise.all([
    tsdl(['why', `${origin}/${hash}/slow.bin?token=secret`]),
    tsdl(['why', `${origin}/`]),
    tsdl(['why', `${origin}/${'0'.repeat(40)}/`, '--token', 'secret']),
    tsdl(['why', 'http://127.0.0.1:9/', '--token', 'secret']),
    tsdl(['why', second.path, '--token', 'secret']),
    tsdl(['why', `${origin}/${hash}/?token=secret`, '--json']),
    tsdl(['why', `${origin}/?token=secret`, '-6']),
    tsdl(['why', named, '-4']),
    tsdl(['why', named, '-6']),
  ])
  t.equal(one!.stdout.toString(), 'the reader: nothing is read at the moment\n')
  t.strictSame(refused!.lines, [
    `tsdl: ${origin}: it needs a token (--token), or a user and a password in the URL`,
  ])
  t.strictSame(unknown!.lines, [`tsdl: ${origin}: it has no torrent ${'0'.repeat(40)}`])
  t.match(dead!.lines, [/^tsdl: http:\/\/127\.0\.0\.1:9: connect ECONNREFUSED/])
  t.match(odd!.lines, [/--token is for the URL of a server/])
  t.match(JSON.parse(wrong!.stdout.toString()), { torrents: [{ infoHash: hash, status: 'downloading' }] })
  t.strictSame(otherFamily!.lines, [`tsdl: ${origin}: it has no IPv6 address`])
  t.equal(resolved!.stdout.toString(), one!.stdout.toString())
  t.match(unresolved!.lines, [/^tsdl: http:\/\/localhost:\d+: (connect ECONNREFUSED ::1|getaddrinfo E)/])
  t.strictSame(
    [one, refused, unknown, dead, odd, otherFamily, resolved, unresolved].map(ran => ran!.code),
    [0, 2, 2, 2, 2, 2, 0, 2],
  )
})
