/** The options that several commands have in common. */
import { type Command, InvalidArgumentError, Option } from 'commander'
import { addressBytes } from '../codec/index.ts'
import { InputError, messageOf } from '../errors.ts'
import { parseAddress } from '../index.ts'
import { webSeedFault } from '../metainfo/index.ts'
import { parseDuration, parseRatio, parseSize, parseWhole } from './quantities.ts'
import { parseRange } from './range.ts'
import { hideToken } from './token.ts'

/** Parses an option that may be given several times into an array. */
export const repeatable =
  <T>(parse: (text: string) => T) =>
  (text: string, earlier: T[] = []) => [...earlier, parse(text)]

/** Parses the value of an option. An error of ours becomes commander's, which names the option. */
export function optionValue<T>(parse: (text: string) => T) {
  return (text: string): T => {
    try {
      return parse(text)
    } catch (error) {
      throw new InvalidArgumentError(messageOf(error))
    }
  }
}

/** Parses a text that must not be empty. */
export function parseText(text: string): string {
  if (text === '') throw new InputError('ERR_USAGE', 'it is empty')
  return text
}

/** Parses a token, and hides it from the list of processes. */
export function parseToken(text: string): string {
  hideToken(parseText(text))
  return text
}

function parseIp(text: string): string {
  if (addressBytes(text.replace(/%.*$/, ''))) return text
  throw new InputError('ERR_USAGE', 'expected an IP address of this machine')
}

function parseWebSeed(text: string): string {
  const fault = webSeedFault(text)
  if (fault === undefined) return text
  throw new InputError('ERR_USAGE', `it ${fault}`)
}

const timeout = () =>
  new Option(
    '--timeout <duration>',
    'give up after this long without data (default: never on a terminal, else 10m)',
  ).argParser(optionValue(parseDuration))

/** Adds the options of every command that connects to peers. */
function addPeerOptions(command: Command): Command {
  return command
    .optionsGroup('Peers:')
    .option(
      '--peer <host:port>',
      'connect to this peer too (repeatable)',
      repeatable(optionValue(parseAddress)),
    )
    .option('--port <n>', 'listen on this port (default: a free one)', optionValue(parseWhole(1, 65535)))
    .option(
      '--bind <address>',
      'listen on this IP address, and connect from it (default: all)',
      optionValue(parseIp),
    )
    .option('--no-tracker', 'contact no trackers')
    .option('--no-dht', 'do not use the DHT')
    .option(
      '--dht-node <host:port>',
      'enter the DHT at this node instead of the public routers (repeatable)',
      repeatable(optionValue(parseAddress)),
    )
    .option('--allow-local', 'let torrents, links and redirects name servers in the local network')
    .option('--no-lsd', 'do not look for peers in the local network')
    .option('--no-pex', 'do not exchange addresses of peers with peers')
    .addOption(
      new Option('--encryption <when>', 'encrypted connections (default: prefer)').choices([
        'prefer',
        'require',
        'off',
      ]),
    )
    .optionsGroup('Reports:')
    .option('-q, --quiet', 'no progress, no warnings')
}

/** Adds the option of every command that names files. */
function addNameOptions(command: Command): Command {
  return command
    .optionsGroup('Files:')
    .option(
      '--portable-names',
      'use file names that are valid on Windows too (default: names that are valid here)',
    )
}

/** Adds the options of commands that need peers only for the metadata of a link. */
export function addMetadataOptions(command: Command): Command {
  return addPeerOptions(addNameOptions(command))
    .optionsGroup('Peers:')
    .option('--no-listen', 'accept no connections')
    .optionsGroup('Limits:')
    .addOption(timeout())
}

/** Adds the options of every command that exchanges content with peers. */
export function addExchangeOptions(command: Command): Command {
  return addPeerOptions(addNameOptions(command))
    .optionsGroup('Limits:')
    .option(
      '--max-peers <n>',
      'maximum number of connections (default: 100)',
      optionValue(parseWhole(1, 10_000)),
    )
    .option(
      '--max-peers-per-address <n>',
      'maximum number of connections per IP address (default: 4)',
      optionValue(parseWhole(1, 10_000)),
    )
    .option(
      '--hash-threads <n>',
      'threads that hash existing files, 0 for none (default: one per core, at most 4)',
      optionValue(parseWhole(0, 64)),
    )
    .option('--memory <size>', 'memory for data in flight (default: 64M)', optionValue(parseSize))
    .option('--up <rate>', 'maximum upload rate, in bytes per second', optionValue(parseSize))
    .optionsGroup('Reports:')
    .option('--json', 'events as lines of JSON on standard error')
    .option('-v, --verbose', 'report connections to peers as well')
}

/** Adds the options of commands that download content. */
export function addFetchOptions(command: Command): Command {
  return command
    .optionsGroup('Peers:')
    .option(
      '--web-seed <url>',
      'download from this HTTP server too (repeatable)',
      repeatable(optionValue(parseWebSeed)),
    )
    .option('--no-web-seeds', 'do not use the web seeds of the torrent')
    .option('--no-listen', 'accept no connections from peers')
    .optionsGroup('Limits:')
    .option('--down <rate>', 'maximum download rate, in bytes per second', optionValue(parseSize))
}

/** Adds the options of commands that share content. */
export function addShareOptions(command: Command): Command {
  return addExchangeOptions(command)
    .optionsGroup('Sharing:')
    .option('--seed-ratio <r>', 'share until this many times the size is uploaded', optionValue(parseRatio))
    .option('--seed-time <duration>', 'share for this long', optionValue(parseDuration))
}

/** Adds the options of commands that download to a directory or to standard output. */
export function addDownloadOptions(command: Command): Command {
  command
    .optionsGroup('Files:')
    .option(
      '-o, --output <dir>',
      'save files in this directory, or - for standard output (default: -, on a terminal .)',
      optionValue(parseText),
    )
    .option(
      '--file <glob|index>',
      'download only these files (repeatable)',
      repeatable(optionValue(parseText)),
    )
    .option('--tar', 'write the files to standard output as one tar stream')
    .option('--strip', "with --tar: leave the torrent's name out of the paths")
    .option('--range <a-b>', 'only these bytes of the file: 0-499, 500-, -500', optionValue(parseRange))
    .option(
      '-C, --continue-at <file>',
      'write what FILE lacks: tsdl SOURCE -C out >> out',
      optionValue(parseText),
    )
    .addOption(new Option('--digest <algorithm>', 'print the digest of each file').choices(['sha256']))
    .option('--sequential', 'download in order, also to a directory')
  return addFetchOptions(addShareOptions(command)).optionsGroup('Limits:').addOption(timeout())
}
