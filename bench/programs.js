// @ts-check
/** The programs that the bench runs, and which of them are installed. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** @param {string} path */
const resolvePath = path => fileURLToPath(new URL(path, import.meta.url))

export const node = process.execPath
export const cli = resolvePath('../dist/cli.js')
/** A module that is loaded before a program and reports the resources of its process. */
export const probe = resolvePath('probe.js')
export const floor = [node, resolvePath('floor.js')]
export const tsdl = [node, cli]
/** Options with which tsdl finds no other peers than the given ones. */
export const alone = ['--no-dht', '--no-lsd']
/** Debian's libtorrent is built for Debian's Python, which need not be the first on PATH. */
export const libtorrent = ['/usr/bin/python3', resolvePath('../test/helpers/counterparts/libtorrent-peer.py')]

export const hasTsdl = existsSync(cli)
export const hasAria2 = spawnSync('aria2c', ['--version']).status === 0
export const hasTransmissionCreate = spawnSync('transmission-create', ['--version']).status === 0
// It has no option that prints its version, and fails without arguments.
export const hasMktorrent = spawnSync('mktorrent').error === undefined
export const hasTransmission = spawnSync('transmission-daemon', ['--version']).status === 0
export const hasLibtorrent = spawnSync('/usr/bin/python3', ['-c', 'import libtorrent']).status === 0

/** The command of aria2 as a downloader that ends when it is complete. */
export const aria2 = [
  'aria2c',
  // This option comes first: the configuration of the user must not be read.
  '--no-conf',
  '--quiet',
  '--seed-time=0',
  '--enable-dht=false',
  '--bt-enable-lpd=false',
  '--enable-peer-exchange=false',
  '--file-allocation=none',
]

/**
 * The command of transmission, which loads the torrents in its folder and does not end by itself.
 * @param {string} config its folder
 * @param {string} out
 * @param {number} port
 * @param {number} rpcPort
 */
export function transmission(config, out, port, rpcPort) {
  return [
    ...['transmission-daemon', '--foreground', '--config-dir', config, '--download-dir', out],
    ...['--bind-address-ipv4', '127.0.0.1', '--peerport', `${port}`],
    ...['--rpc-bind-address', '127.0.0.1', '--port', `${rpcPort}`],
    ...['--no-dht', '--no-lpd', '--no-utp', '--no-portmap', '--no-watch-dir', '--no-incomplete-dir'],
  ]
}

/**
 * The command of tsdl as a seed that reports its events as NDJSON.
 * @param {{ torrent: string, dir: string }} data
 * @param {string[]} more
 */
export function tsdlSeed({ torrent, dir }, more) {
  return [...tsdl, 'seed', torrent, dir, '--bind', '127.0.0.1', ...alone, '--json', ...more]
}

/**
 * The command of many leechers in one program.
 * @param {import('./data.js').Data} data
 * @param {string} peer HOST:PORT
 * @param {number} count
 */
export function manyLeechers({ infoHash, length, pieceLength }, peer, count) {
  const numbers = [length, pieceLength, count].map(String)
  return [node, resolvePath('leechers.js'), peer, infoHash.toString('hex'), ...numbers]
}

/**
 * The command of many leechers of so many bytes per second in one program.
 * @param {Pick<import('./data.js').Data, 'length' | 'pieceLength'> & { infoHash: Buffer | Buffer[] }} data
 * @param {string} peer HOST:PORT
 * @param {number} count
 * @param {number} rate
 * @param {number} seconds
 */
export function slowLeechers({ infoHash, length, pieceLength }, peer, count, rate, seconds) {
  const numbers = [length, pieceLength, count, rate, seconds].map(String)
  const hashes = [infoHash].flat().map(hash => hash.toString('hex'))
  return [node, resolvePath('slow-leechers.js'), peer, hashes.join(), ...numbers]
}

/**
 * The command of a client that shares many torrents.
 * @param {string} dir
 * @param {number} count
 * @param {number} rate of upload, bytes per second
 */
export function manySeeds(dir, count, rate) {
  return [node, resolvePath('many-seeds.js'), dir, String(count), String(rate)]
}

/**
 * The command of a client with many idle torrents.
 * @param {string} dir
 * @param {number} count
 * @param {string} tracker
 */
export function idleClient(dir, count, tracker) {
  return [node, '--expose-gc', resolvePath('idle-client.js'), dir, String(count), tracker]
}

/**
 * The command of bench/seed.js.
 * @param {import('./data.js').Data} data
 * @param {number} [listeners]
 * @param {string[]} [more] options
 */
export function ownSeed(data, listeners = 1, more = []) {
  const args = [
    data.file,
    data.infoHash.toString('hex'),
    String(data.pieceLength),
    '--listeners',
    String(listeners),
    ...more,
  ]
  return [node, resolvePath('seed.js'), ...args]
}

/**
 * The command of a proxy that simulates a long link to each of these addresses.
 * @param {string[]} addresses HOST:PORT
 * @param {number} rtt milliseconds of a round trip
 * @param {number} rate bytes per second to and from each of them
 */
export function delayProxy(addresses, rtt, rate) {
  return [node, resolvePath('delay-proxy.js'), '--rtt', String(rtt), '--rate', String(rate), ...addresses]
}

/**
 * The command of tsdl, without other peers than the given ones.
 * @param {string} torrent
 * @param {string[]} peers
 * @param {string} out
 */
export function tsdlGet(torrent, peers, out) {
  return [
    ...tsdl,
    torrent,
    '-o',
    out,
    ...peers.flatMap(peer => ['--peer', peer]),
    ...alone,
    '--no-tracker',
    '-q',
  ]
}
