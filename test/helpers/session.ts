/** Sessions for tests: their state, sources and downloads are on one disk in memory. */
import { dirname } from 'node:path'
import type { Test } from 'tap'
import type { Metainfo } from '../../src/metainfo/metainfo.ts'
import { Client } from '../../src/pipeline/client.ts'
import { directoryContent } from '../../src/pipeline/download.ts'
import type { Torrent } from '../../src/pipeline/torrent.ts'
import type { EditableFileSystem } from '../../src/ports/file-system.ts'
import { Session } from '../../src/session/session.ts'
import type { SessionOptions } from '../../src/session/session-options.ts'
import { FileStateStore } from '../../src/session/store/file-state-store.ts'
import { Conditions } from './conditions.ts'
import { type MadeTorrent, makeTorrent } from './metainfo.ts'
import { memoryDisk, OFFLINE_OPTIONS } from './swarm.ts'

/** A disk that a session can use. */
export type SessionDisk = EditableFileSystem & ReturnType<typeof memoryDisk>

export const sessionDisk = () => memoryDisk() as SessionDisk

export interface OpenedSession {
  readonly session: Session
  readonly client: Client
  readonly disk: SessionDisk
  /** Closes the session and its client. */
  close(): Promise<void>
}

export const STATE_DIRECTORY = '/state'

/** Opens a session that is closed at the end of test `t`. Several sessions on one disk are consecutive runs. */
export async function openSession(
  t: Test,
  disk: SessionDisk = sessionDisk(),
  options: Partial<SessionOptions> = {},
): Promise<OpenedSession> {
  const clientOptions = {
    ...OFFLINE_OPTIONS,
    fs: options.fs ?? disk,
    hashThreads: 0,
    encryption: 'off',
  } as const
  const client = new Client({ ...clientOptions, ...(options.clock ? { clock: options.clock } : {}) })
  const session = await Session.open({
    store: new FileStateStore(STATE_DIRECTORY, { fs: disk }),
    ...{ client, fs: disk, directory: '/home', hashThreads: 0 },
    ...options,
  })
  const close = async () => {
    await session.close()
    await client.close()
  }
  t.teardown(close)
  return { session, client, disk, close }
}

/** Creates a torrent of one file of some pieces. */
export const smallTorrent = (name: string, seed = 1): MadeTorrent =>
  makeTorrent({ files: [{ path: name, length: 100_000 }], pieceLength: 16_384, seed })

/** Shares torrents at a port of this machine until the test ends. @returns its address for `torrent.addPeers` */
export async function shareAll(
  t: Test,
  torrents: readonly MadeTorrent[],
): Promise<{ port: number; client: Client }> {
  const disk = memoryDisk()
  const client = new Client({ ...OFFLINE_OPTIONS, hashThreads: 0, encryption: 'off' })
  t.teardown(() => client.close())
  for (const { content, metainfo } of torrents) {
    for (const file of metainfo.files) {
      await disk.mkdir(dirname(`/home/${file.path}`), { recursive: true })
      await disk.writeFile(`/home/${file.path}`, content.subarray(file.offset, file.offset + file.length))
    }
    const torrent = await client.add(metainfo, { share: true })
    await torrent.begin(directoryContent(metainfo, { output: '/home', fs: disk })).done
  }
  return { port: (await client.listen())!.port!, client }
}

/** Resolves when `isMet` is true after an event of the session. */
export async function waitForSession(session: Session, isMet: () => boolean): Promise<void> {
  const conditions = new Conditions()
  const check = () => conditions.check()
  for (const event of ['changed', 'removed'] as const) session.on(event, check)
  await conditions.wait(isMet)
  for (const event of ['changed', 'removed'] as const) session.off(event, check)
}

export type { Metainfo, Torrent }
