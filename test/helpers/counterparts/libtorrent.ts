import { once } from 'node:events'
import type { Test } from 'tap'
import { inProject } from '../project.ts'
import type { Content } from './content.ts'
import { startProgram, without } from './process.ts'
import { freePort, listens, ready } from './ready.ts'

const script = inProject('test/helpers/counterparts/libtorrent-peer.py')

/** Debian's libtorrent is built for Debian's Python, which need not be the first on PATH. */
const python = '/usr/bin/python3'

export const noLibtorrent = without(python, '-c', 'import libtorrent')

/** The encryption policies of libtorrent-peer.py. */
export type EncryptionPolicy = 'require' | 'require-rc4' | 'require-plaintext'

/**
 * Starts libtorrent as a seed of `content` that sends at most `rate` bytes a second. Returns its address.
 * @param policy its encryption, or `check`: it hashes its files first, and so knows the hashes of blocks (BEP 52)
 */
export async function seedWithLibtorrent(
  t: Test,
  content: Content,
  rate = 0,
  policy?: EncryptionPolicy | 'check',
) {
  const port = await freePort()
  const seed = startProgram(t, [
    python,
    script,
    'seed',
    content.torrent,
    content.dir,
    `${port}`,
    `${rate}`,
    ...(policy ? [policy] : []),
  ])
  return policy && policy !== 'check' ? listens(seed, port) : ready(seed, port, content)
}

/**
 * Downloads `content` to `dir` with libtorrent at the address `host`, from `peers` and those of its trackers. Returns
 * its errors, '' for none.
 */
export async function fetchWithLibtorrent(
  t: Test,
  content: Content,
  dir: string,
  peers: readonly string[] = [],
  host = '127.0.0.1',
  policy?: EncryptionPolicy,
) {
  const leech = startProgram(t, [
    ...[python, script, 'leech', content.torrent, dir, host, ...peers],
    ...(policy ? [policy] : []),
  ])
  const [code] = await once(leech.child, 'close')
  return code === 0 ? '' : `exit ${code}: ${leech.output()}`
}
