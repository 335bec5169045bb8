/** Options of commands that serve HTTP. */
import { parseHttpAddress } from '../http-address.ts'
import { parseWhole } from '../quantities.ts'
import { parseToken } from '../token.ts'
import { inGroup } from './definition.ts'
import { parseText } from './parse-values.ts'

const parseCount = parseWhole(1, 10_000)

/** The address of the HTTP server, its access and its limits. */
export const SERVER_OPTIONS = inGroup('Server:', [
  {
    ...{ name: 'http', value: '<host:port>', type: 'text', own: true, parse: parseHttpAddress },
    ...{ help: 'serve at this address', default: '127.0.0.1:8642, or a free port' },
  },
  {
    ...{ name: 'token', value: '<token>', type: 'text', secret: true, parse: parseToken },
    ...{ conflicts: ['token-file'], default: '$TSDL_TOKEN' },
    help: 'the token of every HTTP request; required unless --http is loopback',
  },
  {
    ...{ name: 'token-file', value: '<file>', type: 'text', parse: parseText, conflicts: ['token'] },
    help: 'read the token from this file',
  },
  {
    ...{ name: 'max-readers', value: '<n>', type: 'number', parse: parseCount, default: '32' },
    help: 'maximum number of files read at once',
  },
  {
    ...{ name: 'max-clients', value: '<n>', type: 'number', parse: parseCount, default: '1280' },
    help: 'maximum number of HTTP connections',
  },
  {
    ...{ name: 'max-clients-per-address', value: '<n>', type: 'number', parse: parseCount },
    ...{ help: 'maximum number of HTTP connections per IP address', default: '32; 1024 from loopback' },
  },
])
