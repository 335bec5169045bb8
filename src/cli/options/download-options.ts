/** Options of commands that download to a directory or to standard output. */
import { parseRange } from '../range.ts'
import { inGroup } from './definition.ts'
import { FETCH_OPTIONS, PAGE_OPTIONS, SHARE_OPTIONS } from './exchange-options.ts'
import { parseChecksum, parseText } from './parse-values.ts'
import { TIMEOUT_OPTIONS } from './peer-options.ts'

/** The options that write one stream to standard output. */
const STREAM_OPTION_NAMES = ['tar', 'range', 'continue-at']
const excludeDestinations = () => [...STREAM_OPTION_NAMES, 'output']

const OUTPUT_OPTIONS = inGroup('Files:', [
  {
    ...{ name: 'output', short: 'o', value: '<dir>', type: 'text', own: true, parse: parseText },
    ...{ help: 'save files in this directory, or - for standard output', default: '-, on a terminal .' },
    excludes: value => (value === '-' ? [] : STREAM_OPTION_NAMES),
  },
])

/** The options that select files of a torrent. */
export const SELECTION_OPTIONS = inGroup('Files:', [
  {
    ...{ name: 'file', value: '<glob|index>', type: 'text', list: true, own: true, parse: parseText },
    help: 'download only these files',
  },
  {
    ...{ name: 'exclude', value: '<glob|index>', type: 'text', list: true, own: true, parse: parseText },
    help: 'do not download these files',
  },
])

const FILE_OPTIONS = inGroup('Files:', [
  { name: 'interactive', type: 'boolean', own: true, help: 'ask which files to download' },
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
    ...{ help: 'write only these bytes of the file: 0-499, 500-, -500', excludes: excludeDestinations },
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
    help: 'copy matching content of files in this directory, whatever their names are',
  },
  {
    ...{ name: 'checksum', value: '<sha256:hex>', type: 'text', own: true, parse: parseChecksum },
    help: 'fail if the one file has another digest',
  },
])

/** The option that chooses the order of pieces. */
export const ORDER_OPTIONS = inGroup('Files:', [
  { name: 'sequential', type: 'boolean', help: 'download in order, also to a directory' },
])

const SEED_OPTIONS = inGroup('Sharing:', [
  { name: 'seed', type: 'boolean', own: true, help: 'share until a signal, after the download' },
])

const COMPLETION_OPTIONS = inGroup('Reports:', [
  {
    ...{ name: 'on-complete', value: '<program>', type: 'text', own: true, parse: parseText },
    help: 'run this program when the download is complete',
  },
  {
    ...{ name: 'log', value: '<file>', type: 'text', own: true, parse: parseText },
    help: 'append the events of --json to this file as well',
  },
  {
    ...{ name: 'dry-run', type: 'boolean', own: true },
    help: 'list the files that would be downloaded, and end',
  },
])

/** Options of `tsdl get` and `tsdl demo`. */
export const DOWNLOAD_OPTIONS = [
  ...OUTPUT_OPTIONS,
  ...SELECTION_OPTIONS,
  ...FILE_OPTIONS,
  ...ORDER_OPTIONS,
  ...SHARE_OPTIONS,
  ...SEED_OPTIONS,
  ...FETCH_OPTIONS,
  ...TIMEOUT_OPTIONS,
  ...COMPLETION_OPTIONS,
  ...PAGE_OPTIONS,
]
