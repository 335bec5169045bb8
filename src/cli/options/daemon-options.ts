/** Options of `tsdl daemon`. */
import { parseHttpAddress } from '../http-address.ts'
import { parseDuration, parseWhole } from '../quantities.ts'
import { parseToken } from '../token.ts'
import { inGroup } from './definition.ts'
import { FETCH_OPTIONS, SHARE_OPTIONS } from './exchange-options.ts'
import { parseText } from './parse-values.ts'
import { SERVER_OPTIONS } from './server-options.ts'

const parseCount = parseWhole(0, 100_000)

/** Options of other commands that have no meaning for many torrents. */
const NOT_SHARED = new Set(['http', 'web-seed'])

const DIRECTORY_OPTIONS = inGroup('Daemon:', [
  {
    ...{ name: 'output', short: 'o', value: '<dir>', type: 'text', own: true, parse: parseText },
    ...{ help: 'save files in this directory', default: 'the remembered one, at first .' },
  },
  {
    ...{ name: 'state', value: '<dir>', type: 'text', own: true, parse: parseText },
    ...{ help: 'remember torrents in this directory', default: '~/.local/state/tsdl/daemon' },
  },
  {
    ...{ name: 'watch', value: '<dir>', type: 'text', list: true, own: true, parse: parseText },
    help: 'add the .torrent and .magnet files that appear in this directory',
  },
  {
    ...{ name: 'root', value: '<dir>', type: 'text', list: true, own: true, parse: parseText },
    ...{ help: 'keep all torrents below this directory', default: 'anywhere' },
  },
  {
    ...{ name: 'http', value: '<host:port>', type: 'text', own: true, parse: parseHttpAddress },
    ...{ help: 'serve at this address', default: '127.0.0.1:9091' },
  },
])

const QUEUE_OPTIONS = inGroup('Queue:', [
  {
    ...{ name: 'max-downloads', value: '<n>', type: 'number', own: true, parse: parseCount },
    ...{ help: 'torrents that download at the same time', default: 'the remembered number, at first 5' },
  },
  {
    ...{ name: 'max-seeds', value: '<n>', type: 'number', own: true, parse: parseCount },
    ...{ help: 'torrents that share at the same time', default: 'the remembered number, at first all' },
  },
  {
    ...{ name: 'seed-idle', value: '<duration>', type: 'quantity', own: true, parse: parseDuration },
    help: 'stop sharing a torrent after this long without upload',
  },
])

const ACCESS_OPTIONS = inGroup('Server:', [
  {
    ...{ name: 'user', value: '<name>', type: 'text', own: true, parse: parseText },
    help: 'the user name of every HTTP request, in place of a token or beside it',
  },
  {
    ...{ name: 'password', value: '<password>', type: 'text', own: true, secret: true, parse: parseToken },
    ...{ help: 'the password of every HTTP request', conflicts: ['password-file'] },
  },
  {
    ...{ name: 'password-file', value: '<file>', type: 'text', own: true, parse: parseText },
    ...{ help: 'read the password from this file', conflicts: ['password'] },
  },
  {
    ...{ name: 'web', value: '<dir>', type: 'text', own: true, parse: parseText },
    ...{ help: 'serve this page for Transmission at /transmission/web/', default: '$TRANSMISSION_WEB_HOME' },
  },
])

const HOOK_OPTIONS = inGroup('Hooks:', [
  {
    ...{ name: 'hook', value: '<program>', type: 'text', list: true, own: true, parse: parseText },
    help: 'run this program when a torrent is added, completed, removed or fails',
  },
  {
    ...{ name: 'webhook', value: '<url>', type: 'text', list: true, own: true, parse: parseText },
    help: 'send these events to this URL as JSON',
  },
])

/** Options of `tsdl daemon`. */
export const DAEMON_OPTIONS = [
  ...DIRECTORY_OPTIONS,
  ...QUEUE_OPTIONS,
  ...HOOK_OPTIONS,
  ...ACCESS_OPTIONS,
  ...[...SERVER_OPTIONS, ...SHARE_OPTIONS, ...FETCH_OPTIONS].filter(({ name }) => !NOT_SHARED.has(name)),
]
