import { checkArgument } from './check-arguments.ts'

/** Creates our peer id, 20 bytes that identify one run to peers and trackers (BEP 20). @param random 12 random bytes */
export function makePeerId(version: string, random: Uint8Array): Buffer {
  checkArgument('version', version, 'text')
  checkArgument('random', random, 'bytes')
  const [major = '0', minor = '0', patch = '0'] = version.split('.')
  const digits = random.slice(0, 12).map(byte => 0x30 + (byte % 10))
  return Buffer.concat([Buffer.from(`-TD${[major, minor, patch].map(digit).join('')}0-`), digits], 20)
}

function digit(part: string): string {
  return (Number.parseInt(part, 10) % 36).toString(36).toUpperCase()
}

/** Client names by the two letters of an Azureus-style peer id. */
const CLIENT_NAMES: Readonly<Record<string, string>> = {
  TD: 'tsdl',
  LT: 'libtorrent',
  lt: 'rTorrent',
  TR: 'Transmission',
  qB: 'qBittorrent',
  UT: 'µTorrent',
  DE: 'Deluge',
  WW: 'WebTorrent',
  AZ: 'Vuze',
}

/** Returns the name of a client from its peer id, for clients that do not send a name (BEP 20). */
export function clientOf(peerId: Uint8Array): string {
  checkArgument('peerId', peerId, 'bytes')
  const id = Buffer.from(peerId).toString('latin1')
  const azureus = /^-([A-Za-z]{2})([0-9A-Za-z]{4})-/.exec(id)
  if (azureus) return `${CLIENT_NAMES[azureus[1]!] ?? azureus[1]} ${[...azureus[2]!].join('.')}`
  const aria2 = /^A2-(\d+)-(\d+)-(\d+)-/.exec(id)
  if (aria2) return `aria2 ${aria2.slice(1).join('.')}`
  return 'unknown'
}
