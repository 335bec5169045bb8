import { once } from 'node:events'
import { copyFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { Content } from './content.ts'
import { scratch, startProgram, without } from './process.ts'
import { freePort, listens, ready } from './ready.ts'

export const noTransmission = without('transmission-daemon', '--version')

/** It unchokes every ten seconds and sends each half second, a window at most: what it shares is kept small. */
export const TRANSMISSION_SIZE = 8 << 20

/** Milliseconds within which it must have fetched what a test gives it. */
const PATIENCE = 50_000

/** Starts transmission as a seed of `content`; gives its address, which has to be dialled: it ignores peers at 127.x. */
export async function seedWithTransmission(t: Test, content: Content) {
  const { daemon, port } = await start(t, content, content.dir)
  return ready(daemon, port, content)
}

/** Starts transmission with nothing of `content`; peers have to dial its `address`. */
export async function leechWithTransmission(t: Test, content: Content, dir: string) {
  const { daemon, port } = await start(t, content, dir)
  await listens(daemon, port)
  return {
    address: `127.0.0.1:${port}`,
    /** Resolves once it has everything, and has ended: only then is all that it holds in its files. */
    async finished() {
      await ready(daemon, port, content, PATIENCE, 1000)
      daemon.child.kill('SIGTERM')
      await once(daemon.child, 'exit')
    },
  }
}

async function start(t: Test, content: Content, dir: string) {
  const config = scratch(t)
  // What lies in this folder of its own it takes up at its start.
  mkdirSync(join(config, 'torrents'))
  copyFileSync(content.torrent, join(config, 'torrents', 'content.torrent'))
  const port = await freePort()
  const daemon = startProgram(t, [
    ...['transmission-daemon', '--foreground', '--config-dir', config, '--download-dir', dir],
    ...['--bind-address-ipv4', '127.0.0.1', '--peerport', `${port}`],
    ...['--rpc-bind-address', '127.0.0.1', '--port', `${await freePort()}`],
    ...['--no-dht', '--no-lpd', '--no-utp', '--no-portmap', '--no-watch-dir', '--no-incomplete-dir'],
  ])
  return { daemon, port }
}
