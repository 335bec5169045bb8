/** Options of `tsdl create`. */
import { parseSize } from '../quantities.ts'
import { inGroup } from './definition.ts'
import { parseText } from './parse-values.ts'

/** Options of `tsdl create`. */
export const CREATE_OPTIONS = inGroup('Options:', [
  {
    ...{ name: 'output', short: 'o', value: '<file>', type: 'text', own: true, parse: parseText },
    ...{ help: 'write it to this file, or -', default: 'standard output, on a terminal NAME.torrent' },
  },
  {
    ...{ name: 'format', value: '<format>', type: 'text', own: true, choices: ['v1', 'hybrid', 'v2'] },
    ...{ help: 'v1, hybrid (v1 and v2 in one) or v2', default: 'v1' },
  },
  {
    ...{ name: 'piece-length', value: '<size>', type: 'quantity', own: true, parse: parseSize },
    ...{ help: 'a power of two', default: 'one that gives 1,000 to 2,000 pieces' },
  },
  {
    ...{ name: 'tracker', value: '<url>', type: 'text', list: true, own: true, parse: parseText },
    help: 'a tier of trackers, separated by commas',
  },
  {
    ...{ name: 'web-seed', value: '<url>', type: 'text', list: true, own: true, parse: parseText },
    help: 'a URL of the content',
  },
  {
    ...{ name: 'exclude', value: '<glob>', type: 'text', list: true, own: true, parse: parseText },
    help: 'leave these files out',
  },
  { name: 'attributes', type: 'boolean', own: true, help: 'keep symlinks and the executable bit of files' },
  {
    ...{ name: 'source', value: '<tag>', type: 'text', own: true, parse: parseText },
    help: 'a tag that changes the info-hash, as some private trackers require',
  },
  { name: 'private', type: 'boolean', own: true, help: 'peers come only from the trackers' },
  { name: 'comment', value: '<text>', type: 'text', own: true, help: 'a comment' },
  {
    ...{ name: 'name', value: '<name>', type: 'text', own: true },
    ...{ help: 'the name of the torrent', default: 'the last name of PATH' },
  },
  {
    ...{ name: 'date', type: 'boolean', on: true, own: true },
    help: 'leave the date out: the same input gives the same bytes',
  },
  { name: 'quiet', short: 'q', type: 'boolean', help: 'no progress' },
])

/** Options of `tsdl edit`. */
export const EDIT_OPTIONS = inGroup('Options:', [
  {
    ...{ name: 'output', short: 'o', value: '<file>', type: 'text', own: true, parse: parseText },
    ...{ help: 'write it to this file, or -', default: 'the same file' },
  },
  {
    ...{ name: 'tracker', value: '<url>', type: 'text', list: true, own: true, parse: parseText },
    ...{ help: 'a tier of trackers, separated by commas, in place of all', offHelp: 'remove all trackers' },
  },
  {
    ...{ name: 'web-seed', value: '<url>', type: 'text', list: true, own: true, parse: parseText },
    ...{ help: 'a URL of the content, in place of all', offHelp: 'remove all web seeds' },
  },
  {
    ...{ name: 'comment', value: '<text>', type: 'text', own: true },
    help: 'a comment, in place of the present one; empty to remove it',
  },
])
