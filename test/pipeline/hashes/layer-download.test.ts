import t from 'tap'
import { NODE_LENGTH } from '../../../src/codec/merkle.ts'
import { parse } from '../../../src/metainfo/parse.ts'
import { type HashPeer, HashRequests } from '../../../src/pipeline/hashes/hash-requests.ts'
import { LayerDownload } from '../../../src/pipeline/hashes/layer-download.ts'
import { noise } from '../../helpers/metainfo.ts'
import { bencode, dict, rootOf } from '../../helpers/v2-torrent.ts'

const PIECE_LENGTH = 16_384

for (const [name, lengths] of Object.entries({
  'the longer one first': [5 * PIECE_LENGTH, 1],
  'the shorter one first': [1, 5 * PIECE_LENGTH],
})) {
  t.test(`files of one root and two lengths have each its own layer: ${name}`, async t => {
    const root = rootOf(noise(5 * PIECE_LENGTH, 1))
    const entries = lengths.map((length, index) => [
      `file ${index}`,
      new Map([['', dict({ length, 'pieces root': root })]]),
    ])
    const tree = dict(Object.fromEntries(entries))
    const info = dict({ 'file tree': tree, 'meta version': 2, name: 'd', 'piece length': PIECE_LENGTH })
    const metainfo = parse(bencode(dict({ info })))
    const requests = new HashRequests<HashPeer>(() => 0)
    const layer = noise(8 * NODE_LENGTH, 2)
    requests.fetch = async () => layer
    const nodes = await new LayerDownload(metainfo, requests).run()
    const expected = lengths.map(length => (length === 1 ? root : layer.subarray(0, 5 * NODE_LENGTH)))
    t.same(nodes, Buffer.concat(expected))
  })
}
