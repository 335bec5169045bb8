import t from 'tap'
import { scriptedPeer } from '../helpers/scripted-peer.ts'
import { oddTorrent, run } from '../helpers/swarm.ts'

t.test('a download from one seed gets the right bytes, the last block with its own length', async t => {
  const made = oddTorrent()
  const peer = await scriptedPeer(t, made)
  const { torrent, file, events, warnings } = run(t, made, { peers: [peer.address] })
  await torrent.done
  t.same(await file('odd.bin'), made.content)
  t.equal(peer.requests.length, 32)
  t.same(
    peer.requests.filter(({ index, begin }) => index === 10 && begin > 0),
    [{ index: 10, begin: 16384, length: 42 }],
  )
  await torrent.close()
  t.same(events, ['started', 'connected', 'done', 'disconnected', 'close'])
  t.same(warnings, [])
})
