import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import { parse } from '../../src/metainfo/parse.ts'
import { findFiles } from '../../src/storage/find-files.ts'
import { noAria2 } from '../helpers/counterparts/aria2.ts'
import { noLibtorrent } from '../helpers/counterparts/libtorrent.ts'
import { scratch } from '../helpers/counterparts/process.ts'
import { noTransmission } from '../helpers/counterparts/transmission.ts'
import { inProject } from '../helpers/project.ts'

const ODD_NAMES = [
  'slash-in-torrent-name',
  'slash-in-file-name',
  'backslash-in-file-name',
  'windows-only-names',
  'trailing-newline',
  'key-twice-outside-info',
  'space-in-url-list',
]
const fixture = (name: string) => inProject(`fixtures/${name}.torrent`)

const LIBTORRENT_SCRIPT = `
import libtorrent, sys
files = libtorrent.torrent_info(sys.argv[1]).files()
print("\\n".join(files.file_path(index) for index in range(files.num_files())))
`

function run(program: string, ...args: string[]): string[] {
  const { stdout, stderr, status } = spawnSync(program, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${program}: ${stderr}`)
  return stdout.split('\n')
}

const clients = [
  {
    name: 'libtorrent',
    skip: noLibtorrent,
    list: (torrent: string) =>
      run('/usr/bin/python3', '-c', LIBTORRENT_SCRIPT, torrent).filter(line => line !== ''),
  },
  {
    name: 'aria2',
    skip: noAria2,
    list: (torrent: string) =>
      run('aria2c', '-S', torrent).flatMap(line => /^ *\d+\|\.\/(.*)$/.exec(line)?.[1] ?? []),
  },
  {
    name: 'transmission',
    skip: noTransmission,
    list: (torrent: string) =>
      run('transmission-show', torrent).flatMap(
        line => /^ {2}(\S.*) \([\d.]+ [kMG]?B\)$/.exec(line)?.[1] ?? [],
      ),
  },
]

for (const { name, skip, list } of clients)
  t.test(`files are found under the names that ${name} gives them`, { skip }, async t => {
    for (const odd of ODD_NAMES) {
      const directory = scratch(t)
      const theirs = list(fixture(odd))
      for (const path of theirs) {
        mkdirSync(dirname(join(directory, path)), { recursive: true })
        writeFileSync(join(directory, path), 'x')
      }
      for (const portableNames of [false, true]) {
        const metainfo = parse(readFileSync(fixture(odd)), { portableNames })
        const { files } = await findFiles(metainfo, { directory, portableNames })
        t.same(
          files.map(({ path }) => path).sort(),
          theirs.sort(),
          `${odd} ${portableNames ? 'portable' : ''}`,
        )
      }
    }
  })

t.test('names equal those of aria2, except for separators', { skip: noAria2 }, async t => {
  const [, aria2] = clients
  for (const odd of ODD_NAMES) {
    const ours = parse(readFileSync(fixture(odd)), { platform: 'linux' }).files.map(({ path }) => path)
    const theirs = aria2!.list(fixture(odd))
    const loose = (path: string) => path.replaceAll(/[/_]/g, '?')
    t.same(ours.map(loose), theirs.map(loose), odd)
  }
})
