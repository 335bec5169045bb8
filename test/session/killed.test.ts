import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import t from 'tap'
import type { SessionTorrent } from '../../src/session/session-torrent.ts'
import { FileStateStore } from '../../src/session/store/file-state-store.ts'
import { FaultyDisk, systemError } from '../helpers/faulty-disk.ts'
import { generator } from '../helpers/feed.ts'
import { MODULE_ARGUMENTS, moduleOf } from '../helpers/project.ts'
import {
  openSession,
  type SessionDisk,
  sessionDisk,
  smallTorrent,
  waitForSession,
} from '../helpers/session.ts'
import { changeForEver, type Expected, expectedOf } from '../helpers/session-changes.ts'

const KILL_COUNT = 100
const PROCESS_KILLS = Number(process.env.TSDL_TEST_KILLS ?? 4)
/** Calls of the disk within which the kill occurs. */
const MAX_CALLS = 1500

/** The possible states of each torrent: one, or two for an interrupted change. */
class Allowed {
  readonly states = new Map<string, readonly Expected[]>()

  begin(hash: string, before: Expected, after: Expected): void {
    this.states.set(hash, [before, after])
  }

  end(hash: string, after: Expected): void {
    this.states.set(hash, [after])
  }

  /** Returns true if a torrent is in one of its possible states. */
  has(hash: string, found: Expected): boolean {
    return this.states.get(hash)?.includes(found) === true
  }
}

/** Wraps a disk on which all calls from a number on fail. Half of a write at that number is done. */
function killedDisk(disk: SessionDisk): { readonly fs: SessionDisk; killAfter(calls: number): void } {
  const faulty = new FaultyDisk(disk)
  const fs = Object.assign(faulty.fs, {
    readdir: disk.readdir.bind(disk),
    rmdir: async (path: string) => {
      await faulty.fault({ name: 'unlink', path, n: faulty.calls++, length: 0 })
      await disk.rmdir(path)
    },
  }) as unknown as SessionDisk
  return {
    fs,
    killAfter(calls) {
      const last = faulty.calls + calls
      faulty.fault = ({ n, name, length }) => {
        if (n < last) return undefined
        if (n === last && name === 'write') return Math.ceil(length / 2)
        throw systemError('EIO')
      }
    },
  }
}

/** Returns true if a torrent has reached a state that it keeps. */
function isSettled({ error, isMoving, record, status }: SessionTorrent): boolean {
  if (isMoving || record.pending) return false
  return status === 'seeding' || status === 'stopped' || error !== undefined
}

t.test(
  'killed at any point while torrents are added, changed, moved and removed, nothing is lost',
  async t => {
    const seed = Math.floor(Math.random() * 2 ** 31)
    t.comment(`seed ${seed}`)
    const random = generator(seed)
    for (let kill = 0; kill < KILL_COUNT; kill++) {
      const where = `seed ${seed}, kill ${kill}`
      const disk = sessionDisk()
      const contents = new Map<string, Buffer>()
      const killed = killedDisk(disk)
      const first = await openSession(t, killed.fs)
      first.session.on('warning', () => {})
      killed.killAfter(Math.floor(random() * MAX_CALLS))
      const allowed = new Allowed()
      const make = async (number: number) => {
        const made = smallTorrent(`t${number}`, number)
        await disk.writeFile(`/home/t${number}`, made.content)
        contents.set(made.metainfo.infoHash.toString('hex'), made.content)
        return made
      }
      const directories = ['/home', '/data', '/data/deeper']
      const failure = await changeForEver(first.session, { directories, make, random }, allowed).catch(
        error => error,
      )
      t.match(failure, { code: /ERR_/ }, where)
      await first.close()

      const { session, close } = await openSession(t, disk)
      const warnings: string[] = []
      session.on('warning', ({ message }) => warnings.push(message))
      for (const [hash, states] of allowed.states) {
        const torrent = session.get(hash)
        if (torrent) await waitForSession(session, () => isSettled(torrent) || !session.get(hash))
        const found = session.get(hash) && expectedOf(torrent!.record)
        t.ok(allowed.has(hash, found), `${where}: ${found} is one of ${states.join(' or ')}`)
        if (!found) continue
        const path = `${torrent!.record.directory}/${torrent!.name}`
        const content = (await disk.readFile(path).catch(() => Buffer.alloc(0))) as Buffer
        t.ok(content.equals(contents.get(hash)!), `${where}: ${path} is complete`)
      }
      t.strictSame(warnings, [], where)
      t.equal(session.torrents.length, [...allowed.states.keys()].filter(hash => session.get(hash)).length)
      await close()
    }
  },
)

t.test('a process that is killed leaves the last state or the one before', async t => {
  const seed = Math.floor(Math.random() * 2 ** 20)
  t.comment(`seed ${seed}`)
  const random = generator(seed)
  const root = t.testdir()
  const allowed = new Allowed()
  for (let kill = 0; kill < PROCESS_KILLS; kill++) {
    const program = moduleOf('test/helpers/session-process.ts')
    const args = [...MODULE_ARGUMENTS, program, root, `${seed + 1000 * kill}`]
    const child = spawn(process.execPath, args, {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { PATH: process.env.PATH },
    })
    const lines = createInterface({ input: child.stdout })
    let count = 0
    const last = 1 + Math.floor(random() * 40)
    lines.on('line', line => {
      const [kind, hash, ...states] = JSON.parse(line) as [string, string, ...(string | null)[]]
      const [before, after] = states.map(state => state ?? undefined)
      if (kind === 'begin') allowed.begin(hash, before, after)
      else allowed.end(hash, before)
      // somewhere in the next change
      if (++count === last) setTimeout(() => child.kill('SIGKILL'), random() * 10)
    })
    const [[code, signal]] = await Promise.all([once(child, 'close'), once(lines, 'close')])
    t.strictSame([code, signal], [null, 'SIGKILL'])
    const store = new FileStateStore(join(root, 'state'))
    const { torrents, warnings } = await store.open()
    t.strictSame(warnings, [])
    const found = new Map(torrents.map(record => [record.infoHash, expectedOf(record)]))
    for (const [hash, states] of allowed.states)
      t.ok(
        allowed.has(hash, found.get(hash)),
        `seed ${seed}, kill ${kill}: ${found.get(hash)} is one of ${states.join(' or ')}`,
      )
    for (const { infoHash, link } of torrents) if (link === null) await store.loadMetainfo(infoHash)
    t.equal(new Set(torrents.map(({ id }) => id)).size, torrents.length, 'ids are distinct')
    await store.close()
  }
})
