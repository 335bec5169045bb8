import { createHash } from 'node:crypto'
import t from 'tap'
import { encode } from '../../src/codec/bencode.ts'
import { Bitfield } from '../../src/codec/bitfield.ts'
import { parseExtendedHandshake } from '../../src/codec/extended.ts'
import { reservedBytes } from '../../src/codec/handshake.ts'
import {
  encodeMetadataMessage,
  type MetadataMessage,
  parseMetadataMessage,
} from '../../src/codec/metadata.ts'
import type { Encryption } from '../../src/codec/mse.ts'
import { parseMagnet } from '../../src/metainfo/magnet.ts'
import { MAX_TORRENT_SIZE } from '../../src/metainfo/parse.ts'
import { Client } from '../../src/pipeline/client.ts'
import { type FetchMetadataOptions, fetchMetadata } from '../../src/pipeline/fetch-metadata.ts'
import { Listener } from '../../src/pipeline/swarm/listener.ts'
import { Torrent } from '../../src/pipeline/torrent.ts'
import { type MadeTorrent, makeTorrent } from '../helpers/metainfo.ts'
import { dial, type ScriptedPeer, scriptedPeer, type Wire } from '../helpers/scripted-peer.ts'
import { leavesNothing, OFFLINE_OPTIONS } from '../helpers/swarm.ts'
import { VirtualClock } from '../helpers/virtual-clock.ts'

type Owner = Parameters<typeof scriptedPeer>[0]

/** The id that our fake peers give ut_metadata. */
const THEIR_ID = 9
const PIECE_LENGTH = 16_384

/** Creates a torrent with an info dictionary of `size` bytes. */
function torrentOf(size: number, more: { readonly [key: string]: string | number } = {}): MadeTorrent {
  const info = (filler: number) =>
    encode({
      length: 1,
      name: 'x',
      'piece length': PIECE_LENGTH,
      pieces: Buffer.alloc(20),
      ...more,
      zz: Buffer.alloc(filler),
    })
  let filler = size - info(0).length
  while (info(filler).length > size) filler--
  const made = makeTorrent({ files: [{ path: 'x', length: 1 }] })
  const bytes = info(filler)
  const infoHash = createHash('sha1').update(bytes).digest()
  return { ...made, info: bytes, metainfo: { ...made.metainfo, info: bytes, infoHash } }
}

/** 11 pieces, the last of 42 bytes. */
const made = torrentOf(10 * PIECE_LENGTH + 42)
const { info } = made

type Answer = (piece: number, wire: Wire, say: (message: MetadataMessage) => void) => void

interface DonorScript {
  /** The size in its extended handshake; null for none. @default the actual size */
  readonly size?: number | null
  /** Its answer to a request. @default the piece */
  readonly answer?: Answer
  /** When it sends its extended handshake. @default at once */
  readonly after?: Promise<unknown>
  /** Its messages after the handshakes. */
  readonly more?: (wire: Wire) => void
  /** The info-hash of its handshake. */
  readonly of?: MadeTorrent
}

/** Sends the requested piece of the metadata. */
function honest(piece: number, of = made): MetadataMessage {
  const data = of.info.subarray(piece * PIECE_LENGTH, (piece + 1) * PIECE_LENGTH)
  return { type: 'data', piece, totalSize: of.info.length, data }
}

interface Donor extends ScriptedPeer {
  /** The requested pieces. */
  readonly asked: number[]
}

/** Starts a fake peer that has the metadata, or claims to. */
async function donor(t: Owner, { size, answer, after, more, of = made }: DonorScript = {}): Promise<Donor> {
  const asked: number[] = []
  let ours = 0
  const peer = await scriptedPeer(t, of, {
    sendGreeting: wire => wire.sendHandshake({ reserved: reservedBytes('extended', 'fast') }),
    message: (message, wire) => {
      if (message.type !== 'extended') return
      if (message.id === 0) {
        ours = parseExtendedHandshake(message.payload).extensions.get('ut_metadata') ?? 0
        const offer = () => {
          const claimed = size === undefined ? of.info.length : (size ?? undefined)
          const payload = encode({ m: { ut_metadata: THEIR_ID }, metadata_size: claimed })
          wire.send({ type: 'extended', id: 0, payload })
          more?.(wire)
        }
        if (after) void after.then(offer)
        else offer()
      }
      const request = message.id === THEIR_ID ? parseMetadataMessage(message.payload) : undefined
      if (request?.type !== 'request') return
      asked.push(request.piece)
      const say = (answer: MetadataMessage) =>
        wire.send({ type: 'extended', id: ours, payload: encodeMetadataMessage(answer) })
      if (answer) answer(request.piece, wire, say)
      else say(honest(request.piece, of))
    },
  })
  return Object.assign(peer, { asked })
}

/** Fetches the metadata from these peers alone, and records the warnings. */
function fetching(peers: readonly ScriptedPeer[], options: FetchMetadataOptions = {}, of = made) {
  const warnings: string[] = []
  const magnet = parseMagnet(of.metainfo.infoHash.toString('hex'))
  const result = fetchMetadata(magnet, {
    ...OFFLINE_OPTIONS,
    peers: peers.map(({ address }) => address),
    encryption: 'off',
    warning: ({ message }) => warnings.push(message),
    ...options,
  }).then(metainfo => ({ metainfo }))
  return { result, warnings }
}

t.beforeEach(t => leavesNothing(t))

t.test('metadata comes from several peers at once, and each piece is requested once', async t => {
  // No peer answers before all three got a request.
  let all = () => {}
  const asked = new Promise<void>(resolve => {
    all = resolve
  })
  const donors: Donor[] = []
  const answer: Answer = (piece, _wire, say) => {
    if (donors.every(({ asked }) => asked.length > 0)) all()
    void asked.then(() => say(honest(piece)))
  }
  // each gets at most eight requests at a time, so the last one gets its share when the others have theirs
  for (let count = 0; count < 2; count++) donors.push(await donor(t, { answer }))
  const { metainfo } = await fetching(donors).result
  t.strictSame(metainfo.info, info)
  t.strictSame(
    donors.flatMap(({ asked }) => asked).sort((a, b) => a - b),
    Array.from({ length: 11 }, (_, piece) => piece),
  )
})

for (const totalSize of [0, 5, -1, 2 ** 40, undefined])
  t.test(`if the only peer gives a total_size of ${totalSize}, the hash decides`, async t => {
    const answer: Answer = (piece, _, say) => {
      const { totalSize: _own, ...rest } = honest(piece) as MetadataMessage & { type: 'data' }
      say({ ...rest, ...(totalSize === undefined ? {} : { totalSize }) })
    }
    const { result, warnings } = fetching([await donor(t, { answer })])
    t.strictSame((await result).metainfo.info, info)
    t.same(warnings, [])
  })

const liars: [name: string, script: DonorScript, complaint: RegExp | undefined][] = [
  [
    'gives wrong bytes (I5)',
    {
      answer: (piece, _, say) =>
        say({
          ...honest(piece),
          data: Buffer.from(piece === 10 ? 'x'.repeat(42) : 'x'.repeat(PIECE_LENGTH)),
        } as MetadataMessage),
    },
    /does not match the info-hash/,
  ],
  [
    'gives pieces that are too short (I7)',
    { answer: (piece, _, say) => say({ ...honest(piece), data: Buffer.alloc(41) } as MetadataMessage) },
    /sent 41 bytes of metadata, expected 16384/,
  ],
  [
    'offers 1 GiB (H5)',
    { size: 2 ** 30 },
    new RegExp(`offers metadata of 1073741824 bytes, at most ${MAX_TORRENT_SIZE} `),
  ],
  [
    'offers a size that is not the right one (I9)',
    {
      size: 40_000,
      answer: (piece, _, say) =>
        say({
          type: 'data',
          piece,
          totalSize: 40_000,
          data: Buffer.alloc(Math.min(PIECE_LENGTH, 40_000 - piece * PIECE_LENGTH)),
        }),
    },
    /does not match/,
  ],
  [
    'goes away half-way (I14)',
    { answer: (piece, wire, say) => (piece < 3 ? say(honest(piece)) : wire.socket.destroy()) },
    undefined,
  ],
  [
    'rejects whatever it is asked for (I10)',
    { answer: (piece, _, say) => say({ type: 'reject', piece }) },
    undefined,
  ],
  ['hangs up when asked', { answer: (_piece, wire) => wire.socket.destroy() }, undefined],
  [
    'speaks of pieces that do not exist (D8)',
    {
      more: wire =>
        wire.send(
          { type: 'bitfield', bytes: Buffer.alloc(30_000, 255) },
          { type: 'have', index: 0x7fffffff },
          { type: 'haveAll' },
          { type: 'allowedFast', index: 5 },
          { type: 'suggest', index: 9 },
          { type: 'request', index: 0, begin: 0, length: PIECE_LENGTH },
        ),
      answer: (_piece, wire) => wire.socket.destroy(),
    },
    undefined,
  ],
  [
    'sends what is no message of ut_metadata (I11)',
    {
      answer: (piece, wire, say) => {
        for (const text of ['', 'x', 'le', 'd5:piecei0ee', 'x'.repeat(20_000)])
          wire.send({ type: 'extended', id: 3, payload: Buffer.from(text) })
        say({ ...honest(piece), data: Buffer.alloc(1) } as MetadataMessage)
      },
    },
    /sent 1 bytes/,
  ],
]

for (const [name, script, complaint] of liars)
  t.test(`a peer that ${name} does not prevent the metadata from arriving`, async t => {
    let onLie = () => {}
    const after = new Promise<void>(resolve => {
      onLie = resolve
    })
    const { answer } = script
    const watched: Answer | undefined =
      answer &&
      ((...args) => {
        answer(...args)
        onLie()
      })
    const liar = await donor(t, { ...script, ...(watched ? { answer: watched } : {}) })
    if (!answer)
      void liar
        .connection()
        .then(wire => wire.waitForEnd())
        .then(onLie)
    const good = await donor(t, { after })
    const { result, warnings } = fetching([liar, good])
    t.strictSame((await result).metainfo.info, info)
    if (complaint) t.match(warnings.join('\n'), complaint)
    else t.notMatch(warnings.join('\n'), /does not match/)
  })

t.test('of three peers that gave wrong metadata together, the lying one is found', async t => {
  const changed = (piece: number) => ({
    ...honest(piece),
    data: Buffer.from(honestData(piece)).fill(7, 0, 5),
  })
  const donors: Donor[] = []
  let all = () => {}
  const asked = new Promise<void>(resolve => {
    all = resolve
  })
  const held =
    (lies: boolean): Answer =>
    (piece, _wire, say) => {
      if (donors.every(({ asked }) => asked.length > 0)) all()
      void asked.then(() => say((lies ? changed(piece) : honest(piece)) as MetadataMessage))
    }
  donors.push(await donor(t, { answer: held(true) }), await donor(t, { answer: held(false) }))
  const { result, warnings } = fetching(donors)
  t.strictSame((await result).metainfo.info, info)
  t.notMatch(warnings.join('\n'), new RegExp(`:${donors[1]!.address.port}: .*match`), 'not the honest one')
})

function honestData(piece: number): Uint8Array {
  return info.subarray(piece * PIECE_LENGTH, (piece + 1) * PIECE_LENGTH)
}

t.test('pieces that were not requested are skipped, and requests of others rejected', async t => {
  let rejected: MetadataMessage | undefined
  const peer = await donor(t, {
    more: wire => {
      const say = (message: MetadataMessage) =>
        wire.send({ type: 'extended', id: 3, payload: encodeMetadataMessage(message) })
      say({ type: 'data', piece: 400, totalSize: info.length, data: Buffer.alloc(5) })
      say({ type: 'request', piece: 0 })
    },
  })
  await fetching([peer]).result
  for (const { id, payload } of peer.wires[0]!.messagesOf('extended'))
    if (id === THEIR_ID) rejected ??= parseMetadataMessage(payload)
  t.ok(
    peer.wires[0]!.messagesOf('extended').some(
      ({ payload }) => parseMetadataMessage(payload)?.type === 'reject',
    ),
    'it got the message that we have none',
  )
  t.ok(rejected)
})

t.test('other peers are asked when one is silent', async t => {
  const clock = new VirtualClock()
  const silent = await donor(t, { answer: () => {} })
  const honest = await donor(t)
  const { result } = fetching([silent, honest], { clock })
  await silent.waitUntil(() => silent.asked.length > 0)
  let done = false
  void result.then(() => {
    done = true
  })
  for (let turns = 0; turns < 2000 && !done; turns++) await clock.advance(turns % 10 === 0 ? 250 : 0)
  t.strictSame((await result).metainfo.info, info)
})

t.test('when no peer gives the metadata, the error counts the peers and what they lacked', async t => {
  const clock = new VirtualClock()
  const none = await donor(t, { size: null })
  const liar = await donor(t, { size: 2 ** 30 })
  const { result } = fetching([none, liar], { clock, timeout: 60_000 })
  result.catch(() => {})
  await liar.connection()
  await none.connection().then(wire => wire.waitForMessages('extended'))
  const failed = t.rejects(result, {
    code: 'ERR_STALLED',
    message:
      /^no metadata for [0-9a-f]{40}: none of 2 peers gave it: 1 had no metadata to give \(127\.0\.0\.1:\d+\), 1 is banned for wrong metadata: it offers metadata of 1073741824 bytes, at most \d+ are read \(127\.0\.0\.1:\d+\); nothing received for 60 s$/,
  })
  let ended = false
  void failed.then(() => {
    ended = true
  })
  for (let turns = 0; turns < 2000 && !ended; turns++) await clock.advance(250)
  await failed
  t.equal(clock.pending, 0)
})

t.test('the request for metadata can be aborted, before the start and while it runs', async t => {
  const peer = await donor(t, { answer: () => {} })
  const control = new AbortController()
  const { result } = fetching([peer], { signal: control.signal })
  result.catch(() => {})
  await peer.waitUntil(() => peer.asked.length > 0)
  control.abort()
  await t.rejects(result, { code: 'ERR_ABORTED' })
  await t.rejects(fetching([peer], { signal: control.signal }).result, { code: 'ERR_ABORTED' })
  await peer.wires[0]!.waitForEnd()
})

t.test('metadata of a torrent that is hybrid by its version alone is accepted', async t => {
  const hybrid = torrentOf(500, { 'meta version': 2 })
  const peer = await donor(t, { of: hybrid })
  t.strictSame((await fetching([peer], {}, hybrid).result).metainfo.info, hybrid.info)
})

t.test('metadata with the right hash and unsafe content is rejected as a .torrent is', async t => {
  for (const [name, code] of [
    ['..', 'ERR_PATH'],
    ['a', 'ERR_METAINFO'],
  ] as const) {
    const bad = name === 'a' ? torrentOf(300, { 'piece length': 0 }) : torrentOf(300, { name })
    const peer = await donor(t, { of: bad })
    await t.rejects(fetching([peer], {}, bad).result, { code })
  }
})

/** Starts a torrent that serves metadata. Returns its address. */
async function seed(t: Owner, made: MadeTorrent, encryption: Encryption = 'prefer') {
  const listener = await new Listener({ bind: '127.0.0.1', encryption }).listen()
  const { content } = made
  const torrent = new Torrent(made.metainfo, {
    storage: {
      read: async (position, target) => content.copy(target as Buffer, 0, position),
      write: async () => {},
      complete: async () => {},
      close: async () => {},
    },
    trusted: Bitfield.full(made.metainfo.pieceCount),
    share: true,
    listener,
    encryption,
  })
  t.teardown(async () => {
    listener.close()
    await torrent.close()
  })
  torrent.start()
  await torrent.done
  return { host: '127.0.0.1', port: listener.port! }
}

for (const encryption of ['prefer', 'require', 'off'] as const)
  t.test(`a seed gives the metadata, encryption: ${encryption}`, async t => {
    const address = await seed(t, made, encryption)
    const peers = [address]
    const magnet = parseMagnet(made.metainfo.infoHash.toString('hex'))
    const metainfo = await fetchMetadata(magnet, {
      ...OFFLINE_OPTIONS,
      peers,
      encryption: encryption === 'off' ? 'off' : 'prefer',
    })
    t.strictSame(metainfo.info, info)
  })

t.test('peers that connect to us are asked for the metadata too', async t => {
  const client = new Client(OFFLINE_OPTIONS)
  t.teardown(() => client.close())
  const magnet = parseMagnet(made.metainfo.infoHash.toString('hex'))
  const result = fetchMetadata(magnet, { client })
  const to = { host: '127.0.0.1', port: (await client.listen())!.port! }
  const torrent = new Torrent(made.metainfo, {
    storage: { read: async () => 0, write: async () => {}, complete: async () => {}, close: async () => {} },
    trusted: Bitfield.full(1),
    share: true,
    peers: [to],
  }).start()
  t.teardown(() => torrent.close())
  t.strictSame((await result).info, info)
})

/** Dials a seed as a peer that needs the metadata, and returns its raw answers. */
async function leech(t: Owner, of: MadeTorrent) {
  const to = await seed(t, of)
  const wire = await dial(t, of, to, {
    sendGreeting: wire => {
      wire.sendHandshake({ reserved: reservedBytes('extended') })
      wire.send({ type: 'extended', id: 0, payload: encode({ m: { ut_metadata: THEIR_ID } }) })
    },
  })
  await wire.waitForMessages('extended')
  const extendedHandshake = parseExtendedHandshake(wire.messagesOf('extended')[0]!.payload)
  const answers = () =>
    wire
      .messagesOf('extended')
      .flatMap(({ id, payload }) => (id === THEIR_ID ? [parseMetadataMessage(payload)!] : []))
  const ask = (...pieces: number[]) => {
    const id = extendedHandshake.extensions.get('ut_metadata')!
    const payload = (piece: number) => encode({ msg_type: 0, piece })
    wire.send(...pieces.map(piece => ({ type: 'extended' as const, id, payload: payload(piece) })))
  }
  return { wire, extendedHandshake, ask, answers }
}

t.test('a piece of metadata that does not exist is rejected, and the next one is sent', async t => {
  const small = torrentOf(300)
  const { wire, extendedHandshake, ask, answers } = await leech(t, small)
  t.equal(extendedHandshake.metadataSize, 300)
  t.not(extendedHandshake.extensions.get('ut_metadata'), THEIR_ID)
  ask(1, -1, 2 ** 31, Number.MAX_SAFE_INTEGER, 65_535, 0)
  await wire.waitUntil(() => answers().some(({ type }) => type === 'data'))
  t.strictSame(answers(), [
    { type: 'reject', piece: 1 },
    { type: 'reject', piece: 65_535 },
    { type: 'data', piece: 0, totalSize: 300, data: small.info },
  ])
  t.notOk(wire.closed)
})

t.test('a peer that requests the same metadata repeatedly gets it a few times', async t => {
  const small = torrentOf(300)
  const { wire, ask, answers } = await leech(t, small)
  ask(...Array<number>(2000).fill(0))
  await wire.waitUntil(() => answers().length === 2000)
  t.equal(answers().filter(({ type }) => type === 'data').length, 4)
  t.notOk(wire.closed)
})
