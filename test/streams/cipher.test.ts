import t from 'tap'
import { HandshakeRunner } from '../../src/codec/handshake-runner.ts'
import { type Ciphers, CRYPTO_METHODS } from '../../src/codec/mse.ts'
import { initiate, receive } from '../../src/codec/mse-handshake.ts'
import { Rc4 } from '../../src/codec/rc4.ts'
import { Decipher } from '../../src/streams/peer/decipher.ts'
import { Encipher } from '../../src/streams/peer/encipher.ts'
import { closed } from '../../src/streams/stage.ts'
import { randomCuts, run } from '../helpers/feed.ts'
import { noise } from '../helpers/metainfo.ts'
import { RANDOM_SEED } from '../helpers/random-seed.ts'
import { settle } from '../helpers/virtual-clock.ts'
import { INFO_HASH } from '../helpers/wire.ts'

const key = noise(20, 1)

t.test(
  'one stage deciphers what the other enciphered, in place, with any chunk boundaries, after bytes that were read before',
  async t => {
    const bytes = noise(200_000, 2)
    const given = randomCuts(bytes, RANDOM_SEED)
    const sent = await run(new Encipher(new Rc4(key)), given)
    t.ok(
      sent.items.every((item, at) => item === given[at]),
      'the same memory',
    )
    const wire = Buffer.concat(sent.items)
    t.notOk(wire.equals(bytes))
    const chunks = randomCuts(wire, RANDOM_SEED + 1)
    const received = await run(new Decipher({ rc4: new Rc4(key), head: Buffer.from('head') }), chunks)
    t.ok(
      received.items.slice(1).every((item, at) => item === chunks[at]),
      'the same memory',
    )
    t.ok(Buffer.concat(received.items).equals(Buffer.concat([Buffer.from('head'), bytes])))
  },
)

/** Creates both stages of a side that dials, joined, and the other side. */
function dialling(provide: number) {
  const encipher = new Encipher()
  const sent: Buffer[] = []
  encipher.on('data', bytes => sent.push(Buffer.from(bytes)))
  const handshake = new HandshakeRunner<Ciphers | undefined>(
    initiate({
      infoHash: INFO_HASH,
      provide,
      payload: () => encipher.takeHeld(),
      send: bytes => encipher.sendPlain(bytes),
    }),
  )
  const onConsumed: Uint8Array[] = []
  const decipher = new Decipher({
    handshake,
    onSettled: ciphers => encipher.start(ciphers?.outgoing),
    onConsumed: chunk => {
      onConsumed.push(chunk)
      chunk.fill(0xee) // it is reused for the next read
    },
  })
  const received: Buffer[] = []
  decipher.on('data', bytes => received.push(Buffer.from(bytes)))
  const answers: Buffer[] = []
  const other = new HandshakeRunner(
    receive({ allow: provide, find: () => INFO_HASH, send: bytes => void answers.push(Buffer.from(bytes)) }),
  )
  return { encipher, decipher, sent, received, onConsumed, answers, other }
}

for (const provide of [CRYPTO_METHODS.rc4, CRYPTO_METHODS.plaintext])
  t.test(
    `when dialling, the first bytes go with the handshake, and the next wait for its end: ${provide}`,
    async t => {
      const { encipher, decipher, sent, received, onConsumed, answers, other } = dialling(provide)
      encipher.write(Buffer.from('first'))
      encipher.write(Buffer.from('second'))
      await settle()
      other.take(sent.shift()!)
      t.same(sent, [], 'nothing but the key')
      const [hello] = answers.splice(0)
      for (let at = 0; at < hello!.length; at++) decipher.write(Buffer.from(hello!.subarray(at, at + 1)))
      await settle()
      t.equal(onConsumed.length, hello!.length, 'each chunk is given back')
      const end = other.take(sent.shift()!)!
      t.equal(`${end.result.payload}`, 'first')
      const { ciphers } = end.result
      const more = Buffer.from('and more')
      decipher.write(Buffer.concat([answers[0]!, ciphers?.outgoing.apply(more) ?? more]))
      await settle()
      const [second] = sent
      t.equal(`${ciphers?.incoming.apply(second!) ?? second}`, 'second')
      const last = Buffer.from(', at the end')
      decipher.write(ciphers?.outgoing.apply(last) ?? last)
      await settle()
      t.equal(`${Buffer.concat(received)}`, 'and more, at the end')
      decipher.destroy()
      encipher.destroy()
    },
  )

t.test('a handshake that fails ends its stage with a PeerError', async t => {
  const { decipher, encipher } = dialling(CRYPTO_METHODS.rc4)
  const end = closed(decipher)
  decipher.write(Buffer.alloc(96))
  await t.rejects(end, { name: 'PeerError', code: 'ERR_HANDSHAKE' })
  encipher.destroy()
})

t.test('a stage that is destroyed while it holds bytes closes', async t => {
  const { encipher, decipher } = dialling(CRYPTO_METHODS.rc4)
  const ended = closed(encipher)
  encipher.write(Buffer.from('held'))
  await settle()
  encipher.destroy()
  await ended
  decipher.destroy()
  t.pass()
})
