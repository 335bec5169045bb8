/** Options of commands that download to a directory or to standard output. */
import { parseRange } from '../range.ts'
import { inGroup } from './definition.ts'
import { FETCH_OPTIONS, SHARE_OPTIONS } from './exchange-options.ts'
import { parseText } from './parse-values.ts'
import { TIMEOUT } from './peer-options.ts'

/** The options that write one stream to standard output. */
const STREAMS = ['tar', 'range', 'continue-at']
const excludeDestinations = () => [...STREAMS, 'output']

const FILES = inGroup('Files:', [
  {
    ...{ name: 'output', short: 'o', value: '<dir>', type: 'text', own: true, parse: parseText },
    ...{ help: 'save files in this directory, or - for standard output', default: '-, on a terminal .' },
    excludes: value => (value === '-' ? [] : STREAMS),
  },
  {
    ...{ name: 'file', value: '<glob|index>', type: 'text', list: true, own: true, parse: parseText },
    help: 'download only these files',
  },
  {
    ...{ name: 'tar', type: 'boolean', own: true, excludes: excludeDestinations },
    help: 'write the files to standard output as one tar stream',
  },
  {
    ...{ name: 'strip', type: 'boolean', own: true },
    help: "with --tar: leave the torrent's name out of the paths",
  },
  {
    ...{ name: 'range', value: '<a-b>', type: 'text', own: true, parse: parseRange },
    ...{ help: 'only these bytes of the file: 0-499, 500-, -500', excludes: excludeDestinations },
  },
  {
    ...{ name: 'continue-at', short: 'C', value: '<file>', type: 'text', own: true, parse: parseText },
    ...{ help: 'write what FILE lacks: tsdl SOURCE -C out >> out', excludes: excludeDestinations },
  },
  {
    ...{ name: 'digest', value: '<algorithm>', type: 'text', choices: ['sha256'] },
    help: 'print the digest of each file',
  },
  {
    ...{ name: 'reuse', value: '<dir>', type: 'text', list: true, parse: parseText },
    help: 'copy what files in this directory have, under any name',
  },
  { name: 'sequential', type: 'boolean', help: 'download in order, also to a directory' },
])

/** Options of `tsdl get` and `tsdl demo`. */
export const DOWNLOAD_OPTIONS = [...FILES, ...SHARE_OPTIONS, ...FETCH_OPTIONS, ...TIMEOUT]
