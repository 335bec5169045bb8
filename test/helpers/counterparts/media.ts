import { createCipheriv } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Test } from 'tap'
import { create, parse } from '../../../src/index.ts'
import { scratch } from './process.ts'
import { seedWithTsdl, startTsdl } from './tsdl.ts'

const SAMPLE_RATE = 44_100
const FRAME_BYTES = 4

/** A file that players can play: three minutes of a stereo WAV, about 32 MB. */
export const MEDIA_FILE = { name: 'noise.wav', seconds: 180 } as const

/** A WAV of noise, 16 bits, two channels. */
function wav(seconds: number): Buffer {
  const length = seconds * SAMPLE_RATE * FRAME_BYTES
  const head = Buffer.alloc(44)
  head.write('RIFF', 0, 'latin1')
  head.writeUInt32LE(36 + length, 4)
  head.write('WAVEfmt ', 8, 'latin1')
  head.writeUInt32LE(16, 16)
  head.writeUInt16LE(1, 20) // PCM
  head.writeUInt16LE(2, 22)
  head.writeUInt32LE(SAMPLE_RATE, 24)
  head.writeUInt32LE(SAMPLE_RATE * FRAME_BYTES, 28)
  head.writeUInt16LE(FRAME_BYTES, 32)
  head.writeUInt16LE(16, 34)
  head.write('data', 36, 'latin1')
  head.writeUInt32LE(length, 40)
  const noise = createCipheriv('aes-128-ctr', Buffer.alloc(16), Buffer.alloc(16)).update(Buffer.alloc(length))
  return Buffer.concat([head, noise])
}

/** A file of which `tsdl serve` has no byte, and a seed on loopback that has the whole file. */
export interface ServedMedia {
  readonly bytes: Buffer
  /** The URL at which it is served. */
  readonly url: string
}

/** Seeds a WAV and serves it, each in a separate process. @param args additional arguments of `tsdl serve` */
export async function serveMedia(t: Test, args: readonly string[] = []): Promise<ServedMedia> {
  const dir = scratch(t)
  const bytes = wav(MEDIA_FILE.seconds)
  await writeFile(join(dir, MEDIA_FILE.name), bytes)
  const read = async function* () {
    yield bytes
  }
  const file = { path: [], length: bytes.length, read }
  const { torrent } = await create({ name: MEDIA_FILE.name, files: [file], pieceLength: 1 << 18 })
  const path = join(dir, 'x.torrent')
  await writeFile(path, torrent)
  const { address } = await seedWithTsdl(t, { torrent: path, dir })
  const where = [
    '--memory',
    '8M',
    '--http',
    '127.0.0.1:0',
    '--bind',
    '127.0.0.1',
    '--no-tracker',
    '--peer',
    address,
  ]
  const serving = await startTsdl(t, ['serve', path, ...where, ...args]).event(
    ({ event }) => event === 'serving',
  )
  const shelf = new URL(String(serving.url))
  const { infoHash } = parse(torrent)
  return { bytes, url: new URL(`/${infoHash.toString('hex')}/${MEDIA_FILE.name}${shelf.search}`, shelf).href }
}
