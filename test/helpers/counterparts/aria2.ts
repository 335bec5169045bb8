import { once } from 'node:events'
import type { Test } from 'tap'
import type { Content } from './content.ts'
import { startProgram, without } from './process.ts'
import { freePort, listens, ready } from './ready.ts'

export const noAria2 = without('aria2c', '--version')

/** Starts aria2 as a seed of `content`, with further options. Returns its address. */
export async function seedWithAria2(t: Test, content: Content, more: readonly string[] = []) {
  const port = await freePort()
  const seed = startProgram(t, [
    'aria2c',
    '--no-conf',
    '--interface=127.0.0.1',
    `--listen-port=${port}`,
    `--dir=${content.dir}`,
    // It does not check the files, and shares without a limit.
    '--check-integrity=false',
    '--bt-seed-unverified=true',
    '--seed-ratio=0',
    '--enable-dht=false',
    '--bt-enable-lpd=false',
    '--enable-peer-exchange=false',
    ...more,
    content.torrent,
  ])
  return more.length > 0 ? listens(seed, port) : ready(seed, port, content)
}

/**
 * Downloads `content` to `dir` with aria2 at the address `host`, from the peers that its trackers and `tracker` name.
 * Returns its errors, '' for none.
 */
export async function fetchWithAria2(
  t: Test,
  content: Content,
  dir: string,
  tracker = '',
  host = '127.0.0.1',
  more: readonly string[] = [],
) {
  const leech = startProgram(t, [
    'aria2c',
    '--no-conf',
    `--interface=${host}`,
    `--bt-external-ip=${host}`,
    `--listen-port=${await freePort()}`,
    `--dir=${dir}`,
    '--seed-time=0',
    '--file-allocation=none',
    '--enable-dht=false',
    '--bt-enable-lpd=false',
    '--enable-peer-exchange=false',
    ...(tracker === '' ? [] : [`--bt-tracker=${tracker}`]),
    ...more,
    content.torrent,
  ])
  const [code] = await once(leech.child, 'close')
  return code === 0 ? '' : `exit ${code}: ${leech.output()}`
}
