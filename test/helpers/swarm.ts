/** Whole downloads for tests, to memfs. Their events are recorded, and they must leave no open handle. */
import { setImmediate as turn } from 'node:timers/promises'
import { createFsFromVolume, Volume } from 'memfs'
import type { Test } from 'tap'
import type { PeerAddress } from '../../src/codec/compact.ts'
import type { Metainfo } from '../../src/metainfo/metainfo.ts'
import { type DirectoryOptions, directoryContent } from '../../src/pipeline/download.ts'
import { Listener } from '../../src/pipeline/swarm/listener.ts'
import type { TorrentOptions } from '../../src/pipeline/torrent/torrent-options.ts'
import { Torrent } from '../../src/pipeline/torrent.ts'
import { generator } from './feed.ts'
import { type MadeTorrent, makeTorrent } from './metainfo.ts'
import type { Disk } from './storage-suite.ts'
import { VirtualClock } from './virtual-clock.ts'

/** 40 KiB pieces of three blocks, the last of 8 KiB; the last piece ends in a block of 42 bytes. */
export const oddTorrent = () =>
  makeTorrent({ files: [{ path: 'odd.bin', length: 10 * 40960 + 16384 + 42 }], pieceLength: 40960 })

/** An empty disk in memory. */
export function memoryDisk(): Disk {
  return createFsFromVolume(Volume.fromJSON({ '/home': null })).promises as unknown as Disk
}

/** The events of a torrent, in order. */
export function log(torrent: Torrent) {
  const record = {
    events: [] as string[],
    warnings: [] as string[],
    disconnected: [] as string[],
    verified: [] as number[],
    errors: [] as Error[],
  }
  for (const name of ['started', 'connected', 'disconnected', 'warning', 'done', 'error', 'close'] as const) {
    torrent.on(name, () => record.events.push(name))
  }
  torrent.on('warning', error => record.warnings.push(error.message))
  torrent.on('disconnected', (_peer, reason) => record.disconnected.push(reason))
  torrent.on('verified', index => record.verified.push(index))
  torrent.on('error', error => record.errors.push(error))
  return record
}

export interface BlockRun extends ReturnType<typeof log> {
  readonly torrent: Torrent
  readonly disk: Disk
  /** Returns the bytes of a file, or undefined if there is none. */
  file(path: string): Promise<Buffer | undefined>
}

/** Options of functions that create a client, with which it finds no peers by itself and contacts only this machine. */
export const OFFLINE_OPTIONS = { dht: false, lsd: false, trackers: false, bind: '127.0.0.1' } as const

export interface TorrentInDirectory extends TorrentOptions, DirectoryOptions {}

/** Starts a torrent without a client, with its files in a directory. */
export function startTorrent(metainfo: Metainfo, options: TorrentInDirectory): Torrent {
  return new Torrent(metainfo, { ...options, ...directoryContent(metainfo, options) }).start()
}

/** Starts a download to memfs, which is closed at the end of test `t`. By default it contacts no tracker. */
export function run(
  t: Test,
  { metainfo }: MadeTorrent,
  { disk = memoryDisk(), ...options }: Partial<TorrentInDirectory> & { disk?: Disk } = {},
): BlockRun {
  leavesNothing(t)
  const torrent = startTorrent(metainfo, {
    output: '/home',
    fs: disk,
    trackers: false,
    random: generator(1),
    encryption: 'off', // scripted peers do not encrypt
    ...options,
  })
  const record = log(torrent)
  t.teardown(() => torrent.close())
  return {
    ...record,
    torrent,
    disk,
    file: path =>
      disk.readFile(`/home/${path}`).then(
        bytes => Buffer.from(bytes as Uint8Array),
        () => undefined,
      ),
  }
}

export interface Client extends BlockRun {
  readonly listener: Listener
  readonly clock: VirtualClock
  /** Its listening address. */
  readonly address: PeerAddress
}

export interface ClientOptions extends Partial<Omit<TorrentInDirectory, 'peers' | 'clock'>> {
  /** The stored pieces. @default all */
  readonly has?: (index: number) => boolean
  /** The peers that it dials, or a function of its own port. */
  readonly peers?: readonly PeerAddress[] | ((own: PeerAddress) => readonly PeerAddress[])
  readonly clock?: VirtualClock
  readonly disk?: Disk
}

/** Starts a client that listens on loopback and shares its stored pieces. Resolves when it accepts connections. */
export async function client(
  t: Test,
  made: MadeTorrent,
  {
    has = () => true,
    clock = new VirtualClock(),
    disk = memoryDisk(),
    peers = [],
    encryption = 'off',
    ...options
  }: ClientOptions = {},
): Promise<Client> {
  leavesNothing(t)
  const { metainfo, content } = made
  const stored = Buffer.from(content)
  for (let index = 0; index < metainfo.pieceCount; index++) {
    const start = index * metainfo.pieceLength
    if (!has(index)) stored.subarray(start, start + metainfo.pieceLength).fill(0)
  }
  await disk.writeFile(`/home/${metainfo.files[0]!.path}`, stored)
  const listener = await new Listener({ bind: '127.0.0.1', clock, encryption }).listen()
  t.teardown(() => listener.close())
  const address = { host: '127.0.0.1', port: listener.port! }
  const accepts = new Promise<void>(resolve => {
    const add = listener.add.bind(listener)
    listener.add = (infoHash, accept) => {
      add(infoHash, accept)
      resolve()
    }
  })
  const known = typeof peers === 'function' ? peers(address) : peers
  const running = run(t, made, { disk, clock, listener, encryption, share: true, peers: known, ...options })
  await accepts
  return { ...running, listener, clock, address }
}

/** Returns the number of open sockets, servers and timers. */
function open(): string[] {
  return process.getActiveResourcesInfo().filter(name => /TCP|Pipe|Timeout|FSReq|GetAddr/.test(name))
}

const watched = new WeakSet<Test>()

/** Fails test `t` if it ends with more sockets, servers or timers open than it began with. */
export function leavesNothing(t: Test): void {
  if (watched.has(t)) return
  watched.add(t)
  const before = open()
  t.teardown(async () => {
    for (let turns = 0; turns < 500 && open().length > before.length; turns++) await turn()
    const after = open()
    if (after.length > before.length) throw new Error(`left open: ${after}; before: ${before}`)
  })
}

/** Virtual milliseconds between two checks. */
const LOOK_INTERVAL_MS = 500

/**
 * Advances the virtual time until a download is complete, or another condition is met, by at most this many seconds.
 */
export function advanceUntilMet(
  { torrent, clock }: Pick<BlockRun, 'torrent'> & { readonly clock: VirtualClock },
  seconds: number,
  isMet = () => torrent.complete,
): Promise<void> {
  return clock.advanceUntil(isMet, seconds * 1000, LOOK_INTERVAL_MS)
}
