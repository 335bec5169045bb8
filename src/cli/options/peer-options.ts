/** Options of every command that connects to peers. */
import { parseAddress } from '../../index.ts'
import { parseDuration } from '../quantities.ts'
import { inGroup } from './definition.ts'
import { parseHeader, parseIp, parsePorts, parseText, parseTracker } from './parse-values.ts'

const CONNECTION_OPTIONS = inGroup('Peers:', [
  {
    ...{ name: 'peer', value: '<host:port>', type: 'text', list: true, parse: parseAddress },
    help: 'connect to this peer too',
  },
  {
    ...{ name: 'port', value: '<n|a-b>', type: 'quantity', parse: parsePorts, default: 'a free one' },
    help: 'listen on this port, or on the first free one of a range',
  },
  {
    ...{ name: 'bind', value: '<address>', type: 'text', parse: parseIp, default: 'all' },
    help: 'listen on this IP address, and connect from it',
  },
  {
    ...{ name: 'ipv4', short: '4', type: 'boolean', conflicts: ['ipv6'] },
    help: 'use only IPv4: for peers, trackers, the DHT, web seeds and .torrent URLs',
  },
  {
    ...{ name: 'ipv6', short: '6', type: 'boolean', conflicts: ['ipv4'] },
    help: 'use only IPv6',
  },
  {
    ...{ name: 'tracker', value: '<url>', type: 'text', list: true, parse: parseTracker },
    ...{ help: 'announce to this tracker too', offHelp: 'contact no trackers' },
  },
  { name: 'dht', type: 'boolean', on: true, help: 'do not use the DHT' },
  {
    ...{ name: 'dht-node', value: '<host:port>', type: 'text', list: true, parse: parseAddress },
    help: 'enter the DHT at this node instead of the public routers',
  },
  {
    ...{ name: 'allow-local', type: 'boolean' },
    help: 'let torrents, links and redirects name servers in the local network',
  },
  {
    ...{ name: 'blocklist', value: '<file|url>', type: 'text', parse: parseText },
    help: 'connect to no peer at an address in this list',
  },
  { name: 'lsd', type: 'boolean', on: true, help: 'do not look for peers in the local network' },
  { name: 'pex', type: 'boolean', on: true, help: 'do not exchange addresses of peers with peers' },
  {
    ...{ name: 'encryption', value: '<when>', type: 'text', default: 'prefer' },
    ...{ choices: ['prefer', 'require', 'off'], help: 'encrypted connections' },
  },
])

/** The options for requests of a .torrent from a web server. */
const SOURCE_OPTIONS = inGroup('Sources:', [
  {
    ...{ name: 'header', value: '<name: value>', type: 'text', list: true, secret: true, parse: parseHeader },
    help: 'send this header to the server of a .torrent',
  },
  {
    ...{ name: 'user-agent', value: '<text>', type: 'text', parse: parseText, default: 'tsdl/VERSION' },
    help: 'send this User-Agent to the server of a .torrent',
  },
])

const QUIET_OPTIONS = inGroup('Reports:', [
  { name: 'quiet', short: 'q', type: 'boolean', help: 'print no progress and no warnings' },
])

/** The option of every command that names files. */
const NAME_OPTIONS = inGroup('Files:', [
  {
    ...{ name: 'portable-names', type: 'boolean', default: 'names that are valid here' },
    help: 'use file names that are valid on Windows too',
  },
])

/** The option that turns incoming connections off. */
export const LISTEN_OPTIONS = inGroup('Peers:', [
  { name: 'listen', type: 'boolean', on: true, help: 'accept no connections from peers' },
])

/** The option of a run that gives up. */
export const TIMEOUT_OPTIONS = inGroup('Limits:', [
  {
    ...{ name: 'timeout', value: '<duration>', type: 'quantity', parse: parseDuration },
    ...{ help: 'give up after this long without data', default: 'never on a terminal, else 10m' },
  },
])

/** Options of every command that reads names of files and connects to peers. */
export const PEER_OPTIONS = [...NAME_OPTIONS, ...SOURCE_OPTIONS, ...CONNECTION_OPTIONS, ...QUIET_OPTIONS]

/** Options of commands that need peers only for the metadata of a link. */
export const METADATA_OPTIONS = [...PEER_OPTIONS, ...LISTEN_OPTIONS, ...TIMEOUT_OPTIONS]
