import { copyFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { Content } from './content.ts'
import { scratch, startProgram, without } from './process.ts'
import { freePort, ready } from './ready.ts'

export const noTransmission = without('transmission-daemon', '--version')

/** It unchokes every ten seconds and sends each half second, a window at most: what it shares is kept small. */
export const TRANSMISSION_SIZE = 8 << 20

/** Starts transmission as a seed of `content`; gives its address, which has to be dialled: it ignores peers at 127.x. */
export async function seedWithTransmission(t: Test, content: Content) {
  const config = scratch(t)
  // What lies in this folder of its own it takes up at its start.
  mkdirSync(join(config, 'torrents'))
  copyFileSync(content.torrent, join(config, 'torrents', 'content.torrent'))
  const port = await freePort()
  const seed = startProgram(t, [
    ...['transmission-daemon', '--foreground', '--config-dir', config, '--download-dir', content.dir],
    ...['--bind-address-ipv4', '127.0.0.1', '--peerport', `${port}`],
    ...['--rpc-bind-address', '127.0.0.1', '--port', `${await freePort()}`],
    ...['--no-dht', '--no-lpd', '--no-utp', '--no-portmap', '--no-watch-dir', '--no-incomplete-dir'],
  ])
  return ready(seed, port, content)
}
