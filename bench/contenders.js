// @ts-check
/** The commands that download the same bytes from the same seed, as users run these programs. */
import { join } from 'node:path'
import * as programs from './programs.js'

/**
 * @typedef {object} Contender
 * @property {string} name
 * @property {string} [missing] why it cannot run here
 * @property {string} [to] where its standard output goes, see `measure`
 * @property {string} [file] the output file; undefined if the bytes go into a pipe
 * @property {string[]} command
 */

/**
 * @param {import('./data.js').Data} data
 * @param {string} peer HOST:PORT of the seed
 * @param {string} tracker announce URL of a tracker that names the seed
 * @param {string} out a folder that is empty at each start
 * @returns {Contender[]}
 */
export function contenders(data, peer, tracker, out) {
  const file = join(out, data.name)
  const noTsdl = programs.hasTsdl ? {} : { missing: 'not built: npm run build' }
  const noAria2 = programs.hasAria2 ? {} : { missing: 'aria2c is not installed' }
  const noLibtorrent = programs.hasLibtorrent ? {} : { missing: 'python3-libtorrent is not installed' }
  const stdout = programs.tsdlGet(data.torrent, [peer], '-')
  return [
    { name: 'floor', file, command: [...programs.floor, data.meta, peer, file] },
    { name: 'tsdl', file, command: programs.tsdlGet(data.torrent, [peer], out), ...noTsdl },
    { name: 'tsdl > file', file, to: file, command: stdout, ...noTsdl },
    { name: 'tsdl | cat', to: '|', command: stdout, ...noTsdl },
    {
      name: 'libtorrent',
      file,
      command: [...programs.libtorrent, 'leech', data.torrent, out, peer],
      ...noLibtorrent,
    },
    {
      name: 'aria2',
      file,
      command: [...programs.aria2, '-d', out, `--bt-tracker=${tracker}`, data.torrent],
      ...noAria2,
    },
  ]
}
