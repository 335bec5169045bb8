import t from 'tap'
import { clientOf, makePeerId } from '../../src/codec/peer-id.ts'

const zeros = new Uint8Array(12)

t.test('a peer id is 20 bytes: our two letters, the version, and random digits', async t => {
  const id = makePeerId(
    '0.1.0',
    Uint8Array.from({ length: 12 }, (_, at) => at),
  )
  t.equal(id.length, 20)
  t.equal(id.toString(), '-TD0100-012345678901')
})

t.test('a peer id is 20 printable bytes for any version and random bytes', async t => {
  for (const version of ['12.34.5', '1', '1.2.3-beta.4', '40.0.0', '1.2.3.4.5']) {
    for (const byte of [0, 127, 255]) {
      const id = makePeerId(version, new Uint8Array(12).fill(byte))
      t.match(id.toString('latin1'), /^-TD[0-9A-Z]{3}0-\d{12}$/, `${version} ${byte}`)
    }
  }
  t.equal(makePeerId('12.34.5', zeros).toString().slice(0, 8), '-TDCY50-')
})

t.test('extra random bytes are ignored', async t => {
  t.equal(makePeerId('1.2.3', new Uint8Array(40)).toString(), '-TD1230-000000000000')
})

t.test('a client is named by its two letters, or by the letters themselves if unknown', async t => {
  const names: [string, string][] = [
    ['-TR300Z-w4bd4mkebkbi', 'Transmission 3.0.0.Z'],
    ['-qB4250-scysDI_JuVN3', 'qBittorrent 4.2.5.0'],
    ['-lt0D80-xxxxxxxxxxxx', 'rTorrent 0.D.8.0'],
    ['-LT2080-xxxxxxxxxxxx', 'libtorrent 2.0.8.0'],
    ['-ZZ1234-xxxxxxxxxxxx', 'ZZ 1.2.3.4'],
    ['A2-1-36-0-xxxxxxxxxx', 'aria2 1.36.0'],
    ['A2-1-36-0xxxxxxxxxxx', 'unknown'],
    ['-ZZ12 4-xxxxxxxxxxxx', 'unknown'],
    ['x-ZZ1234-xxxxxxxxxxx', 'unknown'],
    ['M7-9-2--xxxxxxxxxxxx', 'unknown'],
  ]
  for (const [id, name] of names) t.equal(clientOf(Buffer.from(id)), name, id)
  t.equal(clientOf(Buffer.alloc(20, 0xff)), 'unknown')
  t.equal(clientOf(makePeerId('0.1.0', zeros)), 'tsdl 0.1.0.0')
})
