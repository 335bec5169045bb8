// @ts-check
/** Where the programs are that the bench runs, and which of them this machine has. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** @param {string} path */
const here = path => fileURLToPath(new URL(path, import.meta.url))

export const node = process.execPath
export const cli = here('../dist/cli.js')
export const floor = [node, here('floor.js')]
export const tsdl = [node, cli]
/** Debian's libtorrent is built for Debian's Python, which need not be the first on PATH. */
export const libtorrent = ['/usr/bin/python3', here('../test/helpers/counterparts/libtorrent-peer.py')]

export const hasTsdl = existsSync(cli)
export const hasAria2 = spawnSync('aria2c', ['--version']).status === 0
export const hasLibtorrent = spawnSync('/usr/bin/python3', ['-c', 'import libtorrent']).status === 0

/**
 * The command of our own seed.
 * @param {import('./data.js').Data} data
 * @param {number} [listeners]
 */
export function ownSeed(data, listeners = 1) {
  const args = [
    data.file,
    data.infoHash.toString('hex'),
    String(data.pieceLength),
    '--listeners',
    String(listeners),
  ]
  return [node, here('seed.js'), ...args]
}

/**
 * The command of our client, with no source of peers but those given.
 * @param {string} torrent
 * @param {string[]} peers
 * @param {string} out
 */
export function tsdlGet(torrent, peers, out) {
  return [...tsdl, torrent, '-o', out, ...peers.flatMap(peer => ['--peer', peer]), '--no-tracker', '-q']
}
