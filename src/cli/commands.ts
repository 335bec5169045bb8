/** The commands: their arguments, options and help. A command's own module is loaded when the command runs. */

import { InputError } from '../errors.ts'
import { defineCommand } from './command-definition.ts'
import type { ConfigOptions } from './config.ts'
import type { CreateFlags } from './create.ts'
import type { DaemonOptions } from './daemon/daemon-options.ts'
import type { DemoOptions } from './demo.ts'
import type { EditOptions } from './edit.ts'
import type { GetOptions } from './get-options.ts'
import type { InfoOptions } from './info.ts'
import { CREATE_OPTIONS, EDIT_OPTIONS } from './options/create-options.ts'
import { DAEMON_OPTIONS } from './options/daemon-options.ts'
import { inGroup } from './options/definition.ts'
import { DOWNLOAD_OPTIONS } from './options/download-options.ts'
import { EXCHANGE_OPTIONS, FETCH_OPTIONS, PAGE_OPTIONS, SHARE_OPTIONS } from './options/exchange-options.ts'
import { parseText } from './options/parse-values.ts'
import { METADATA_OPTIONS } from './options/peer-options.ts'
import { SERVER_OPTIONS } from './options/server-options.ts'
import { WHY_OPTIONS } from './options/why-options.ts'
import { parseSize, parseWhole } from './quantities.ts'
import type { SeedOptions } from './seed.ts'
import type { ServeOptions } from './serve.ts'
import type { VerifyFlags } from './verify.ts'
import type { WhyOptions } from './why/diagnosis.ts'

const SOURCE_HELP = 'a .torrent (path, URL or -), a magnet link or an info-hash'
const SOURCE_ARGUMENT = { name: '<source>', help: SOURCE_HELP }
const PATH_ARGUMENT = { name: '<path>', help: 'the directory that holds the files, or the one file' }

/** Options of a download that the demo, which runs on 127.0.0.1, does not have. */
const NOT_IN_DEMO = new Set(['ipv4', 'ipv6'])

/** The option that lists sources. */
const INPUT_OPTIONS = inGroup('Files:', [
  {
    ...{ name: 'input', short: 'i', value: '<list>', type: 'text', own: true, parse: parseText },
    help: 'download the sources in this file as well, one per line; - for standard input',
  },
])

/** The option of commands that print one result. */
const RESULT_OPTIONS = inGroup('Output:', [
  { name: 'json', type: 'boolean', own: true, help: 'print one JSON object' },
])

const GET_COMMAND = defineCommand<[string[]], GetOptions>({
  name: 'get',
  isDefault: true,
  description: 'download; the default command',
  arguments: [{ name: '[source...]', help: `${SOURCE_HELP}; several need -o` }],
  options: [...INPUT_OPTIONS, ...DOWNLOAD_OPTIONS],
  async run([sources], options, { commands }) {
    const [source, ...more] = sources
    if (source !== undefined) {
      const { checkIsSource } = await import('./suggest.ts')
      checkIsSource(source, commands)
    }
    if (options.input !== undefined || more.length > 0) {
      const { readSourceList } = await import('./several/source-list.ts')
      const { getSeveral } = await import('./several/get-several.ts')
      const listed = options.input === undefined ? [] : await readSourceList(options.input)
      return getSeveral([...sources, ...listed], options)
    }
    if (source === undefined) {
      throw new InputError('ERR_USAGE', "missing required argument 'source' (see tsdl --help)")
    }
    const { goesToStdout, startStdoutWorker } = await import('./destinations/stdout-worker.ts')
    if (goesToStdout(options.output)) startStdoutWorker()
    const { get } = await import('./get.ts')
    return get(source, options)
  },
})

const SEED_COMMAND = defineCommand<[string, string], SeedOptions>({
  name: 'seed',
  description: 'share the files at PATH',
  arguments: [SOURCE_ARGUMENT, PATH_ARGUMENT],
  options: [
    ...SHARE_OPTIONS,
    ...PAGE_OPTIONS,
    ...inGroup('Sharing:', [
      {
        ...{ name: 'super-seed', type: 'boolean' },
        help: 'send each peer pieces that no other peer has; for the only seed of a torrent',
      },
    ]),
  ],
  async run([source, path], options) {
    const { seed } = await import('./seed.ts')
    return seed(source, path, options)
  },
})

const SERVE_COMMAND = defineCommand<[string[]], ServeOptions>({
  name: 'serve',
  description: 'serve files over HTTP; downloads only what is read',
  arguments: [{ name: '[source...]', help: `torrents, each ${SOURCE_HELP}` }],
  options: [
    ...SERVER_OPTIONS,
    ...inGroup('Server:', [
      {
        ...{ name: 'output', short: 'o', value: '<dir>', type: 'text', own: true, parse: parseText },
        ...{ help: 'keep the data in this directory', default: 'in memory, for a while' },
      },
      {
        ...{ name: 'open', value: '<player>', type: 'text', own: true, parse: parseText },
        help: 'open the largest file in this player, and end with it',
      },
    ]),
    ...EXCHANGE_OPTIONS,
    ...FETCH_OPTIONS,
  ],
  async run([sources], options) {
    const { serve } = await import('./serve.ts')
    return serve(sources, options)
  },
})

const DAEMON_COMMAND = defineCommand<[string[]], DaemonOptions>({
  name: 'daemon',
  description: 'run many torrents as a service, remembered across restarts (docs/daemon.md)',
  arguments: [{ name: '[source...]', help: `torrents to add, each ${SOURCE_HELP}` }],
  options: DAEMON_OPTIONS,
  async run([sources], options, context) {
    const { daemon } = await import('./daemon/daemon.ts')
    return daemon(sources, options, context)
  },
})

const INFO_COMMAND = defineCommand<[string], InfoOptions>({
  name: 'info',
  description: 'show the content of a torrent without downloading it',
  arguments: [SOURCE_ARGUMENT],
  options: [
    ...inGroup('Output:', [
      {
        ...{ name: 'output', short: 'o', value: '<file>', type: 'text', own: true, parse: parseText },
        help: 'write the .torrent to this file as well',
      },
      ...RESULT_OPTIONS,
      { name: 'magnet', type: 'boolean', own: true, help: 'print the magnet link' },
      {
        ...{ name: 'offline', type: 'boolean', own: true, conflicts: ['output'] },
        help: 'use only the magnet link; contact no peers or trackers',
      },
      {
        ...{ name: 'scrape', type: 'boolean', own: true, conflicts: ['offline'] },
        help: 'ask the trackers for the number of peers',
      },
    ]),
    ...METADATA_OPTIONS,
  ],
  async run([source], options) {
    const { info } = await import('./info.ts')
    return info(source, options, await createTextReporter(options))
  },
})

const VERIFY_COMMAND = defineCommand<[string, string], VerifyFlags>({
  name: 'verify',
  description: 'check the files at PATH; exit code 0 if all pieces are correct',
  arguments: [SOURCE_ARGUMENT, PATH_ARGUMENT],
  options: [
    ...RESULT_OPTIONS,
    ...inGroup('Output:', [
      {
        ...{ name: 'blocks', type: 'boolean', own: true },
        help: 'name the wrong blocks of 16 KiB, by hashes that v2 peers send',
      },
    ]),
    ...METADATA_OPTIONS,
  ],
  async run([source, path], options) {
    const { verify } = await import('./verify.ts')
    return verify(source, path, options, await createTextReporter(options))
  },
})

const CREATE_COMMAND = defineCommand<[string], CreateFlags & { quiet?: boolean }>({
  name: 'create',
  description: 'create a .torrent',
  arguments: [{ name: '<path>', help: 'a file or a directory' }],
  options: CREATE_OPTIONS,
  async run([path], options) {
    const { createTorrent } = await import('./create.ts')
    return createTorrent(path, options, await createTextReporter(options))
  },
})

const EDIT_COMMAND = defineCommand<[string], EditOptions>({
  name: 'edit',
  description: 'change the trackers, web seeds or comment of a .torrent; its info-hash stays',
  arguments: [{ name: '<torrent>', help: 'the path of a .torrent, or - for standard input' }],
  options: EDIT_OPTIONS,
  async run([path], options) {
    const { edit } = await import('./edit.ts')
    return edit(path, options)
  },
})

const DEMO_COMMAND = defineCommand<[], DemoOptions>({
  name: 'demo',
  description: 'start a tracker and seeds on this machine, and download from them',
  arguments: [],
  options: [
    ...inGroup('Demo:', [
      {
        ...{ name: 'size', value: '<size>', type: 'quantity', own: true, parse: parseSize },
        ...{ help: 'bytes to download', default: '64M' },
      },
      {
        ...{ name: 'seeds', value: '<n>', type: 'number', own: true, parse: parseWhole(1, 100) },
        ...{ help: 'number of seeds', default: '3' },
      },
    ]),
    ...DOWNLOAD_OPTIONS.filter(({ name }) => !NOT_IN_DEMO.has(name)),
  ],
  async run(_, options) {
    const { runDemo } = await import('./demo.ts')
    return runDemo(options)
  },
})

const CONFIG_COMMAND = defineCommand<[], ConfigOptions>({
  name: 'config',
  description: 'print every option, its value and the source of the value',
  arguments: [],
  options: RESULT_OPTIONS,
  async run(_, options, context) {
    const { printConfig } = await import('./config.ts')
    return printConfig(options, context)
  },
})

const WHY_COMMAND = defineCommand<[string], WhyOptions>({
  name: 'why',
  description: 'name what limits a download, or each torrent of a running server',
  arguments: [{ name: '<source|url>', help: `${SOURCE_HELP}, or the URL of a running serve or daemon` }],
  options: WHY_OPTIONS,
  async run([source], options) {
    const { why } = await import('./why/why.ts')
    return why(source, options, await createTextReporter(options))
  },
})

const COMPLETION_COMMAND = defineCommand<[string], object>({
  name: 'completion',
  description: 'print the completion script of a shell: bash, zsh or fish; or the manual page: man',
  arguments: [{ name: '<shell>', help: 'bash, zsh, fish or man', choices: ['bash', 'zsh', 'fish', 'man'] }],
  options: [],
  async run([shell], _, context) {
    const { printCompletion } = await import('./completion/completion.ts')
    return printCompletion(shell as 'bash', context)
  },
})

/** All commands, in the order of the help. */
export const CLI_COMMANDS = [
  GET_COMMAND,
  SEED_COMMAND,
  SERVE_COMMAND,
  DAEMON_COMMAND,
  INFO_COMMAND,
  VERIFY_COMMAND,
  CREATE_COMMAND,
  EDIT_COMMAND,
  WHY_COMMAND,
  DEMO_COMMAND,
  CONFIG_COMMAND,
  COMPLETION_COMMAND,
]

async function createTextReporter(options: { quiet?: boolean }) {
  const { TextReporter } = await import('./text-reporter.ts')
  return new TextReporter(options)
}
