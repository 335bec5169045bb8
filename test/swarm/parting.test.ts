import t from 'tap'
import { encodeMessage } from '../../src/codec/message.ts'
import { pieceOf } from '../helpers/metainfo.ts'
import { scriptedPeer } from '../helpers/scripted-peer.ts'
import { oddTorrent, run } from '../helpers/swarm.ts'
import { settle, VirtualClock } from '../helpers/virtual-clock.ts'
import { msg } from '../helpers/wire.ts'

t.test(
  'a peer that sends the last block of a piece and an invalid message at once: the piece counts',
  async t => {
    const made = oddTorrent()
    const liar = await scriptedPeer(t, made, {
      has: index => index === 0,
      request: ({ begin, length }, wire) => {
        if (begin + length < made.metainfo.pieceLength) return
        const data = pieceOf(made, 0)
        const blocks = [0, 16384, 32768].map(begin => {
          const block = data.subarray(begin, begin + 16384)
          return encodeMessage({ type: 'piece', index: 0, begin, length: block.length, data: block })
        })
        wire.sendBytes(Buffer.concat([...blocks, msg(0, [1])])) // a choke with a payload
      },
    })
    const honest = await scriptedPeer(t, made, {
      interested: async wire => {
        await (await liar.connection()).waitForEnd()
        wire.send({ type: 'unchoke' })
      },
    })
    const clock = new VirtualClock()
    const { torrent, file, warnings } = run(t, made, { clock, peers: [liar.address, honest.address] })
    let ended = false
    torrent.done.then(
      () => {
        ended = true
      },
      () => {},
    )
    for (let quarters = 0; !ended && quarters < 400; quarters++) {
      await clock.advance(250)
      for (let turns = 0; turns < 20 && !ended; turns++) await settle()
    }
    t.equal(ended, true)
    t.same(await file('odd.bin'), made.content)
    t.match(warnings[0], /message 0 with length 2/)
    t.notOk(
      honest.requests.some(({ index }) => index === 0),
      'it was not requested again',
    )
  },
)
