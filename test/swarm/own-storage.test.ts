/** Storages written by a library user. Their capabilities follow from their members. */
import t, { type Test } from 'tap'
import type { TorrentOptions } from '../../src/pipeline/torrent/torrent-options.ts'
import { Torrent } from '../../src/pipeline/torrent.ts'
import type { LentBytes, ReadWindow, Storage, WindowOwner, WindowRange } from '../../src/storage/storage.ts'
import { generator } from '../helpers/feed.ts'
import { makeTorrent } from '../helpers/metainfo.ts'
import { scriptedPeer } from '../helpers/scripted-peer.ts'
import { leavesNothing } from '../helpers/swarm.ts'
import { VirtualClock } from '../helpers/virtual-clock.ts'

const PIECE_LENGTH = 16_384
const made = makeTorrent({
  files: [{ path: 'film', length: 40 * PIECE_LENGTH + 1234 }],
  pieceLength: PIECE_LENGTH,
})

/** Passes each write to the only reader, and cannot be read by peers. */
class OneReaderStorage implements Storage {
  readonly retains = false
  readonly writes = new Map<number, { bytes: Uint8Array; written: () => void }>()
  owner: WindowOwner | undefined
  closed: Error | undefined
  #serve = (_error?: Error) => {}

  readonly window: ReadWindow = {
    attach: owner => {
      this.owner = owner
    },
    open: ({ cursor }: WindowRange) => ({
      take: (position, length) =>
        new Promise<LentBytes>((resolve, reject) => {
          cursor?.(position, true)
          this.#serve = error => {
            if (error) return reject(error)
            const start = Math.floor(position / PIECE_LENGTH) * PIECE_LENGTH
            const write = this.writes.get(start)
            if (!write) return
            this.#serve = () => {}
            const bytes = write.bytes.subarray(position - start, position - start + length)
            cursor?.(position + bytes.length, false)
            const isLast = position + bytes.length === start + write.bytes.length
            resolve({ bytes, release: () => isLast && this.#forget(start) })
          }
          this.#serve()
        }),
      close() {},
    }),
    has: position => this.writes.has(position),
    trim: () => {
      for (const position of [...this.writes.keys()])
        if (!this.owner!.isNear(position)) this.#forget(position)
    },
    close: async error => {
      this.closed = error
      this.#serve(error)
    },
  }

  write(position: number, bytes: Uint8Array): Promise<void> {
    return new Promise(resolve => {
      this.writes.set(position, { bytes, written: resolve })
      this.#serve()
    })
  }

  async read(): Promise<number> {
    return 0
  }

  async complete(): Promise<void> {}

  async close(): Promise<void> {}

  #forget(position: number): void {
    this.writes.get(position)?.written()
    this.writes.delete(position)
    this.owner!.forget(position)
  }
}

/** Counts and compares pieces, like a sink on another machine, and cannot read them. */
class WriteOnlyStorage implements Storage {
  readonly retains = false
  readonly bytes = new Uint8Array(made.content.length)
  reads = 0

  async write(position: number, bytes: Uint8Array): Promise<void> {
    this.bytes.set(bytes, position)
  }

  async read(): Promise<number> {
    this.reads++
    return 0
  }

  async complete(): Promise<void> {}

  async close(): Promise<void> {}
}

async function served(t: Test, storage: Storage, options: Partial<TorrentOptions> = {}) {
  leavesNothing(t)
  const peer = await scriptedPeer(t, made)
  const torrent = new Torrent(made.metainfo, {
    clock: new VirtualClock(),
    trackers: false,
    encryption: 'off',
    random: generator(1),
    peers: [peer.address],
    storage,
    ...options,
  })
  t.teardown(() => torrent.close())
  return { peer, torrent: torrent.start() }
}

t.test('a storage with a window passes a file to its reader, no further ahead than the memory', async t => {
  const storage = new OneReaderStorage()
  const { peer, torrent } = await served(t, storage, { memory: 16 * PIECE_LENGTH })
  const chunks: Uint8Array[] = []
  let maximum = 0
  for await (const chunk of torrent.files[0]!.stream()) {
    chunks.push(chunk)
    maximum = Math.max(maximum, storage.writes.size)
  }
  t.ok(Buffer.concat(chunks).equals(made.content))
  t.ok(maximum <= 7, `${maximum} pieces were held`)
  const [wire] = peer.wires
  t.same(wire!.messagesOf('have'), [], 'no piece is announced to the peer')
  await torrent.close()
  t.equal((storage.closed as NodeJS.ErrnoException | undefined)?.code, 'ERR_ABORTED')
})

t.test('data that a window dropped is downloaded again for the next reader', async t => {
  const { peer, torrent } = await served(t, new OneReaderStorage(), {
    memory: 16 * PIECE_LENGTH,
    onDemand: true,
  })
  for (let times = 1; times <= 2; times++) {
    const chunks: Uint8Array[] = []
    for await (const chunk of torrent.files[0]!.stream({ end: 3 * PIECE_LENGTH })) chunks.push(chunk)
    t.ok(Buffer.concat(chunks).equals(made.content.subarray(0, 3 * PIECE_LENGTH)))
    const first = peer.requests.filter(({ index }) => index === 0)
    t.equal(first.length, times)
  }
})

t.test(
  'a storage that retains nothing is written to and never read, and peers get nothing of it',
  async t => {
    const storage = new WriteOnlyStorage()
    const { peer, torrent } = await served(t, storage)
    await torrent.done
    t.ok(made.content.equals(storage.bytes))
    t.equal(storage.reads, 0)
    t.same(peer.wires[0]!.messagesOf('have'), [])
  },
)
