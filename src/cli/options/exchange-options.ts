/** Options of commands that exchange content with peers. */
import { parseDuration, parseRatio, parseSize, parseWhole } from '../quantities.ts'
import { inGroup } from './definition.ts'
import { parseWebSeed } from './parse-values.ts'
import { LISTEN_OPTIONS, PEER_OPTIONS } from './peer-options.ts'

const parseConnections = parseWhole(1, 10_000)

const LIMIT_OPTIONS = inGroup('Limits:', [
  {
    ...{ name: 'max-peers', value: '<n>', type: 'number', parse: parseConnections, default: '100' },
    help: 'maximum number of connections',
  },
  {
    ...{ name: 'max-peers-per-address', value: '<n>', type: 'number', parse: parseConnections, default: '4' },
    help: 'maximum number of connections per IP address',
  },
  {
    ...{ name: 'hash-threads', value: '<n>', type: 'number', parse: parseWhole(0, 64) },
    ...{ help: 'threads that hash files and fast downloads, 0 for none', default: 'one per core, at most 4' },
  },
  {
    ...{ name: 'memory', value: '<size>', type: 'quantity', parse: parseSize, default: '64M' },
    help: 'memory for data in flight',
  },
  {
    ...{ name: 'up', value: '<rate>', type: 'quantity', parse: parseSize },
    help: 'maximum upload rate, in bytes per second',
  },
])

/** Options that say how much a run reports. */
export const REPORT_OPTIONS = inGroup('Reports:', [
  { name: 'json', type: 'boolean', own: true, help: 'write events as lines of JSON to standard error' },
  { name: 'verbose', short: 'v', type: 'boolean', help: 'report connections to peers as well' },
])

/** The option of commands that run until their work is done. */
export const PAGE_OPTIONS = inGroup('Reports:', [
  {
    name: 'page',
    type: 'boolean',
    own: true,
    help: 'show the progress on a web page, at a free port of this machine',
  },
])

/** Options of every command that exchanges content with peers. */
export const EXCHANGE_OPTIONS = [...PEER_OPTIONS, ...LIMIT_OPTIONS, ...REPORT_OPTIONS]

/** Options of commands that download content. */
export const FETCH_OPTIONS = [
  ...inGroup('Peers:', [
    {
      ...{ name: 'web-seed', value: '<url>', type: 'text', list: true, parse: parseWebSeed },
      help: 'download from this HTTP server too',
    },
    { name: 'web-seeds', type: 'boolean', on: true, help: 'do not use the web seeds of the torrent' },
  ]),
  ...LISTEN_OPTIONS,
  ...inGroup('Limits:', [
    {
      ...{ name: 'down', value: '<rate>', type: 'quantity', parse: parseSize },
      help: 'maximum download rate, in bytes per second',
    },
  ]),
]

/** Options of commands that share content until a goal is reached. */
export const SHARE_OPTIONS = [
  ...EXCHANGE_OPTIONS,
  ...inGroup('Sharing:', [
    {
      ...{ name: 'seed-ratio', value: '<r>', type: 'number', parse: parseRatio },
      help: 'share until this many times the size is uploaded',
    },
    {
      ...{ name: 'seed-time', value: '<duration>', type: 'quantity', parse: parseDuration },
      help: 'share for this long',
    },
  ]),
]
