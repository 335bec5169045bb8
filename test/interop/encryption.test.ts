import t, { type Test } from 'tap'
import { fetchWithAria2, noAria2, seedWithAria2 } from '../helpers/counterparts/aria2.ts'
import { runClient } from '../helpers/counterparts/client.ts'
import { type Content, differences, oneFile } from '../helpers/counterparts/content.ts'
import { fetchWithLibtorrent, noLibtorrent, seedWithLibtorrent } from '../helpers/counterparts/libtorrent.ts'
import { scratch } from '../helpers/counterparts/process.ts'
import {
  leechWithTransmission,
  noTransmission,
  seedWithTransmission,
} from '../helpers/counterparts/transmission.ts'
import { seedWithTsdl } from '../helpers/counterparts/tsdl.ts'
import { peersBody, scriptedTracker } from '../helpers/tracker.ts'

// transmission sends nothing for ten seconds, so other tests run meanwhile
t.jobs = 4

/** Bytes. A small content is enough to test encryption. */
const CONTENT_BYTES = 1 << 20
/** The options with which each client requires encryption; for libtorrent, also the method after the handshake. */
const LIBTORRENT_POLICIES = ['require-rc4', 'require-plaintext', 'require'] as const
/** Our options for each client. A client that allows only plaintext after the handshake does not meet `require`. */
const ENCRYPTION_MODES = {
  'require-rc4': ['prefer', 'require'],
  'require-plaintext': ['prefer'],
  require: undefined,
}
const ARIA2_OPTIONS = ['--bt-require-crypto=true']

/** Downloads from a peer that requires encryption, with one of our options; `off` must fail. */
async function fetches(t: Test, content: Content, peer: string, modes = ['prefer', 'require', 'off']) {
  for (const mode of modes) {
    const out = scratch(t)
    const args = ['-o', out, '--encryption', mode, '--timeout', mode === 'off' ? '1s' : '20s', '-q']
    const { code, stderr } = await runClient(content, [peer], args)
    t.equal(code, mode === 'off' ? 3 : 0, `${mode}: ${stderr}`)
    if (mode !== 'off') t.strictSame(await differences(content, out), [], mode)
  }
}

for (const policy of LIBTORRENT_POLICIES)
  t.test(`tsdl downloads from libtorrent: ${policy}`, { skip: noLibtorrent, buffered: true }, async t => {
    const content = oneFile(scratch(t), CONTENT_BYTES)
    const peer = await seedWithLibtorrent(t, content, 0, policy)
    await fetches(t, content, peer, ENCRYPTION_MODES[policy])
  })

t.test('tsdl downloads from aria2 that requires encryption', { skip: noAria2, buffered: true }, async t => {
  const content = oneFile(scratch(t), CONTENT_BYTES)
  await fetches(t, content, await seedWithAria2(t, content, ARIA2_OPTIONS), ['prefer', 'require'])
})

t.test(
  'tsdl downloads from transmission that requires encryption',
  { skip: noTransmission, buffered: true },
  async t => {
    const content = oneFile(scratch(t), CONTENT_BYTES)
    await fetches(t, content, await seedWithTransmission(t, content, ['--encryption-required']), ['prefer'])
  },
)

for (const mode of ['prefer', 'require'])
  for (const policy of LIBTORRENT_POLICIES) {
    if (mode === 'require' && policy === 'require-plaintext') continue
    t.test(
      `libtorrent downloads from a seed: ${policy}, the seed has encryption ${mode}`,
      { skip: noLibtorrent, buffered: true },
      async t => {
        const content = oneFile(scratch(t), CONTENT_BYTES)
        const { address } = await seedWithTsdl(t, content, ['--no-tracker', '--encryption', mode])
        const out = scratch(t)
        t.equal(await fetchWithLibtorrent(t, content, out, [address], '127.0.0.1', policy), '')
        t.strictSame(await differences(content, out), [])
      },
    )
  }

t.test(
  'aria2 downloads from a seed, and both require encryption',
  { skip: noAria2, buffered: true },
  async t => {
    const content = oneFile(scratch(t), CONTENT_BYTES)
    const { address } = await seedWithTsdl(t, content, ['--no-tracker', '--encryption', 'require'])
    const [host = '', port] = address.split(':')
    const tracker = await scriptedTracker(t, { body: peersBody([{ host, port: Number(port) }]) })
    const out = scratch(t)
    t.equal(await fetchWithAria2(t, content, out, tracker.url, '127.0.0.1', ARIA2_OPTIONS), '')
    t.strictSame(await differences(content, out), [])
  },
)

t.test(
  'transmission that requires encryption is dialled in plaintext first, and then with encryption',
  { skip: noTransmission, buffered: true },
  async t => {
    const content = oneFile(scratch(t), CONTENT_BYTES)
    const out = scratch(t)
    const leech = await leechWithTransmission(t, content, out, ['--encryption-required'])
    await seedWithTsdl(t, content, ['--no-tracker', '--peer', leech.address])
    await leech.finished()
    t.strictSame(await differences(content, out), [])
  },
)
