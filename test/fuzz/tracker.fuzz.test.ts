import fc from 'fast-check'
import t from 'tap'
import type { AddressFamily } from '../../src/codec/address-family.ts'
import { encode } from '../../src/codec/bencode.ts'
import { decodePacket } from '../../src/codec/udp-tracker.ts'
import { parseAnnounceReply } from '../../src/discovery/announce-reply.ts'
import type { AnnounceRequest } from '../../src/discovery/announce-request.ts'
import { HttpTracker } from '../../src/discovery/http-tracker.ts'
import { printable } from '../../src/discovery/printable.ts'
import { parseScrapeReply } from '../../src/discovery/scrape-reply.ts'
import { parseTrackerUrl, trackerName } from '../../src/discovery/tracker-url.ts'
import { DiscoveryError, InputError } from '../../src/errors.ts'

const runs = { numRuns: 1_000 }
const request: AnnounceRequest = {
  infoHash: Buffer.alloc(20, 1),
  peerId: Buffer.alloc(20, 2),
  port: 6881,
  uploaded: 0,
  downloaded: 0,
  left: 3,
  numwant: 50,
  key: 1,
}
const good = encode({
  complete: 3,
  'external ip': Buffer.from([1, 2, 3, 4]),
  incomplete: 4,
  interval: 1800,
  'min interval': 900,
  peers: [
    { ip: '10.0.0.1', port: 6881 },
    { ip: '2001:db8::1', port: 51413, 'peer id': Buffer.alloc(20, 7) },
  ],
  peers6: Buffer.alloc(36, 9),
  'tracker id': 'x',
  'warning message': 'careful',
})

/** A valid reply with a few bytes changed, removed or repeated. */
const mutated = fc
  .array(fc.tuple(fc.nat(good.length), fc.nat(3), fc.uint8Array({ maxLength: 8 })), {
    minLength: 1,
    maxLength: 4,
  })
  .map(edits =>
    edits.reduce(
      (bytes, [at, cut, put]) => Buffer.concat([bytes.subarray(0, at), put, bytes.subarray(at + cut)]),
      Buffer.from(good),
    ),
  )
// The Unicode strings of fast-check take two seconds to set up.
const anyText = fc
  .tuple(fc.uint8Array({ maxLength: 40 }), fc.constantFrom('latin1', 'utf16le', 'utf8'))
  .map(([bytes, encoding]) => Buffer.from(bytes).toString(encoding as BufferEncoding))
const leaf = fc.oneof(fc.maxSafeInteger(), fc.string({ maxLength: 20 }), fc.uint8Array({ maxLength: 40 }))
const peerLike = fc.record({ ip: leaf, port: leaf }, { requiredKeys: [] })
const value = fc.oneof(leaf, leaf, peerLike, fc.array(fc.oneof(leaf, peerLike), { maxLength: 4 }))
const keys = ['failure reason', 'warning message', 'interval', 'min interval', 'peers', 'peers6', 'retry in']
const odd = fc
  .record(
    Object.fromEntries(
      [...keys, 'tracker id', 'external ip', 'complete', 'incomplete'].map(key => [key, value]),
    ),
    { requiredKeys: [] },
  )
  .map(dict => encode(dict as Parameters<typeof encode>[0]))
const bodies = fc.oneof(fc.uint8Array({ maxLength: 400 }), mutated, odd)

/** Returns true if a decoded reply can be used and printed without further checks. */
function isSound(reply: ReturnType<typeof parseAnnounceReply>) {
  const { interval, minInterval, peers, retryIn = 60 } = reply
  const numbers =
    interval >= 60 && interval <= 21_600 && minInterval >= 10 && minInterval <= interval && retryIn >= 60
  const texts = [reply.failureReason, reply.warning].every(text => !/\p{Cc}/u.test(text ?? ''))
  return (
    numbers && texts && peers.every(({ host, port }) => /^[\w.:-]+$/.test(host) && port >= 1 && port <= 65535)
  )
}

t.test('a random body gives a valid reply or an InputError', async () => {
  fc.assert(
    fc.property(bodies, body => {
      try {
        return isSound(parseAnnounceReply(body))
      } catch (error) {
        return error instanceof InputError
      }
    }),
    runs,
  )
})

t.test('a random HTTP response gives a reply or a printable DiscoveryError', async () => {
  const answers = fc.record({
    status: fc.oneof(fc.constantFrom(200, 204, 301, 302, 404, 503), fc.nat(999)),
    location: fc.option(
      fc.oneof(
        fc.string(),
        fc.string().map(text => `http://t.example/${text}`),
        fc.constantFrom('//', '..', 'file:x', 'http://:0'),
      ),
      {
        nil: undefined,
      },
    ),
    body: bodies.map(body => Buffer.from(body)),
  })
  await fc.assert(
    fc.asyncProperty(answers, async ({ status, location, body }) => {
      const tracker = new HttpTracker('http://u:p@t.example/a?secret', {
        userAgent: 'x',
        open: async () => {
          const chunks = (async function* () {
            yield body
          })()
          const headers = location === undefined ? {} : { location }
          return { status, headers, body: Object.assign(chunks, { destroy() {} }) }
        },
      })
      try {
        return isSound(await tracker.announce(request))
      } catch (error) {
        if (!(error instanceof DiscoveryError)) throw error
        return !/\p{Cc}|secret|u:p/u.test(error.message) && error.message.length < 600
      }
    }),
    runs,
  )
})

t.test('random text gives a tracker address without control characters or an InputError', async () => {
  const texts = fc.oneof(
    anyText,
    anyText.map(text => `http://${text}`),
    anyText.map(text => `http://t.example/${text}`),
  )
  fc.assert(
    fc.property(texts, text => {
      if (/\p{Cc}/u.test(trackerName(text))) return false
      try {
        const url = parseTrackerUrl(text)
        return /^https?:$/.test(url.protocol) && !/[^!-~]/.test(url.href)
      } catch (error) {
        return error instanceof InputError && !/\p{Cc}/u.test(error.message)
      }
    }),
    runs,
  )
})

t.test('random bytes are printed as a short line', async () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 2_000 }), bytes => {
      const line = printable(bytes)
      return [...line].length <= 200 && !/[\p{Cc}\p{Cf}\n\r]/u.test(line)
    }),
    runs,
  )
})

t.test(
  'a random datagram gives a valid packet or undefined, and an encoded packet is decoded back',
  async () => {
    const heads = fc
      .tuple(fc.nat(4), fc.nat(0xffff_ffff), fc.uint8Array({ maxLength: 200 }))
      .map(([action, id, body]) => {
        const head = Buffer.alloc(8)
        head.writeUInt32BE(action)
        head.writeUInt32BE(id, 4)
        return Buffer.concat([head, body])
      })
    const family = fc.constantFrom<AddressFamily>(4, 6)
    fc.assert(
      fc.property(fc.oneof(heads, fc.uint8Array({ maxLength: 40 })), family, (bytes, family) => {
        const packet = decodePacket(bytes, family)
        if (!packet)
          return bytes.length < 20 || bytes[3]! > 3 || bytes.subarray(0, 3).some(byte => byte !== 0)
        if (packet.transaction !== Buffer.from(bytes).readUInt32BE(4)) return false
        if (packet.action === 'announce') {
          const size = family === 4 ? 6 : 18
          return (
            packet.peers.length <= (bytes.length - 20) / size && packet.peers.every(({ port }) => port > 0)
          )
        }
        return packet.action !== 'scrape' || packet.counts.length === Math.floor((bytes.length - 8) / 12)
      }),
      runs,
    )
    const longest = decodePacket(Buffer.alloc(65_507, 1).fill(Buffer.from([0, 0, 0, 1]), 0, 4), 4)
    if (longest?.action !== 'announce' || longest.peers.length !== 2_000)
      throw new Error('2,000 peers at most')
    const counts = decodePacket(Buffer.alloc(65_507, 1).fill(Buffer.from([0, 0, 0, 2]), 0, 4), 4)
    if (counts?.action !== 'scrape' || counts.counts.length !== 74) throw new Error('74 counts at most')
  },
)

t.test('a random body gives counts of the requested torrents or an InputError', async () => {
  const hash = Buffer.alloc(20, 1)
  fc.assert(
    fc.property(bodies, body => {
      try {
        return parseScrapeReply(body, [hash]).counts.length <= 1
      } catch (error) {
        return error instanceof InputError
      }
    }),
    runs,
  )
})
