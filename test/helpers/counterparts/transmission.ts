import { once } from 'node:events'
import { copyFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Test } from 'tap'
import type { Content } from './content.ts'
import { type Running, scratch, startProgram, without } from './process.ts'
import { freePort, ready } from './ready.ts'

export const noTransmission = without('transmission-daemon', '--version')

/** It unchokes every ten seconds, and sends one window every half second. So its content is small. */
export const TRANSMISSION_SIZE = 8 << 20

/** Milliseconds within which it must have downloaded the content of a test. */
const PATIENCE_MS = 50_000

/**
 * Starts transmission as a seed of `content`. Returns its address, which has to be dialled, because it ignores peers at
 * 127.x.
 */
export async function seedWithTransmission(t: Test, content: Content, more: readonly string[] = []) {
  const { config, daemon, port, rpcPort } = await start(t, content, content.dir, more)
  if (more.length === 0) {
    const address = await ready(daemon, port, content)
    copyFileSync(content.torrent, join(config, 'torrents', torrentName(content)))
    return address
  }
  // a client that requires encryption does not answer our probe
  await waitForMissing(daemon, rpcPort, left => left === 0)
  return `127.0.0.1:${port}`
}

/** Returns the files of `content` that transmission writes. It creates no empty files. */
export function asTransmissionWrites(content: Content): Content {
  return { ...content, files: content.files.filter(({ length }) => length > 0) }
}

/**
 * Starts transmission without any byte of `content`. Peers have to dial its `address`, and it keeps one connection from
 * each address.
 */
export async function leechWithTransmission(
  t: Test,
  content: Content,
  dir: string,
  more: readonly string[] = [],
) {
  const { daemon, port, rpcPort } = await start(t, content, dir, more)
  // Its RPC is used, because a probe would come from the address of its peers, and it drops the second connection of an
  // address.
  await waitForMissing(daemon, rpcPort, left => left === content.length)
  return leeching(daemon, port, rpcPort)
}

/** As `leechWithTransmission`, but with a magnet link. */
export async function leechLinkWithTransmission(t: Test, link: string, dir: string) {
  const { daemon, port, rpcPort } = await start(t, undefined, dir)
  for (const deadline = Date.now() + PATIENCE_MS; ; await delay(50)) {
    const added = await ask(rpcPort, 'torrent-add', { filename: link }).catch(() => undefined)
    if (added) return leeching(daemon, port, rpcPort)
    if (Date.now() > deadline) throw new Error(`transmission takes no link: ${daemon.output()}`)
  }
}

function leeching(daemon: Running, port: number, rpcPort: number) {
  return {
    address: `127.0.0.1:${port}`,
    /** Resolves when it is complete and has ended, because only then all bytes are in its files. */
    async finished() {
      await waitForMissing(daemon, rpcPort, left => left === 0)
      daemon.child.kill('SIGTERM')
      await once(daemon.child, 'exit')
    },
  }
}

/** Resolves once the number of missing bytes of its one torrent meets a condition. */
async function waitForMissing(daemon: Running, rpcPort: number, met: (left: number) => boolean) {
  const deadline = Date.now() + PATIENCE_MS
  for (let left = await missing(rpcPort); !met(left); left = await missing(rpcPort)) {
    if (daemon.child.exitCode !== null) throw new Error(`transmission ended: ${daemon.output()}`)
    if (Date.now() > deadline)
      throw new Error(`transmission lacks ${left} bytes after ${PATIENCE_MS} ms: ${daemon.output()}`)
    await delay(200)
  }
}

/**
 * Returns the missing bytes of its one torrent; NaN while it does not answer, has not read its directory, or has only a
 * link.
 */
async function missing(rpcPort: number): Promise<number> {
  const fields = ['leftUntilDone', 'metadataPercentComplete']
  const [torrent] = (await ask(rpcPort, 'torrent-get', { fields }).catch(() => undefined))?.torrents ?? []
  return torrent?.metadataPercentComplete === 1 ? torrent.leftUntilDone : Number.NaN
}

interface Reply {
  readonly torrents?: readonly { leftUntilDone: number; metadataPercentComplete: number }[]
}

/** Sends a request to its RPC. */
async function ask(rpcPort: number, method: string, args: object): Promise<Reply> {
  const url = `http://127.0.0.1:${rpcPort}/transmission/rpc`
  const body = JSON.stringify({ method, arguments: args })
  // The first answer is an error with the id of the session.
  const session = (await fetch(url)).headers.get('x-transmission-session-id') ?? ''
  const headers = { 'x-transmission-session-id': session }
  const reply = await fetch(url, { method: 'POST', headers, body })
  return ((await reply.json()) as { arguments: Reply }).arguments
}

async function start(t: Test, content: Content | undefined, dir: string, more: readonly string[] = []) {
  const config = scratch(t)
  // It loads the torrents in its own directory at its start.
  mkdirSync(join(config, 'torrents'))
  if (content) copyFileSync(content.torrent, join(config, 'torrents', 'content.torrent'))
  const port = await freePort()
  const rpcPort = await freePort()
  const daemon = startProgram(t, [
    ...['transmission-daemon', '--foreground', '--config-dir', config, '--download-dir', dir],
    ...['--bind-address-ipv4', '127.0.0.1', '--peerport', `${port}`],
    ...['--rpc-bind-address', '127.0.0.1', '--port', `${rpcPort}`],
    ...['--no-dht', '--no-lpd', '--no-utp', '--no-portmap', '--no-watch-dir', '--no-incomplete-dir'],
    ...more,
  ])
  return { config, daemon, port, rpcPort }
}

/**
 * Returns the name of the file from which it reads metadata for other peers. If the file existed at its start, it would
 * not check the content.
 */
export function torrentName({ infoHash }: Pick<Content, 'infoHash'>): string {
  return `${infoHash.toString('hex')}.torrent`
}
