import type { Test } from 'tap'
import type { Content } from './content.ts'
import { startProgram, without } from './process.ts'
import { freePort, ready } from './ready.ts'

export const noAria2 = without('aria2c', '--version')

/** Starts aria2 as a seed of `content`; gives its address. */
export async function seedWithAria2(t: Test, content: Content) {
  const port = await freePort()
  const seed = startProgram(t, [
    'aria2c',
    '--no-conf',
    '--interface=127.0.0.1',
    `--listen-port=${port}`,
    `--dir=${content.dir}`,
    // Believes that the files are right, and never has shared enough.
    '--check-integrity=false',
    '--bt-seed-unverified=true',
    '--seed-ratio=0',
    '--enable-dht=false',
    '--bt-enable-lpd=false',
    '--enable-peer-exchange=false',
    content.torrent,
  ])
  return ready(seed, port, content)
}
