import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { create } from '../../src/metainfo/create.ts'
import { offer, tsdl } from '../helpers/cli.ts'
import { PROJECT_DIRECTORY } from '../helpers/project.ts'

const OFFLINE_OPTIONS = '{ dht: false, lsd: false, bind: "127.0.0.1" }'

/** The library, without the sources of peers outside of this machine. */
const SHIM_SCRIPT = `
import * as library from '${join(PROJECT_DIRECTORY, 'dist/index.js')}'
const options = given => (given?.client ? given : { ...${OFFLINE_OPTIONS}, ...given })
export * from '${join(PROJECT_DIRECTORY, 'dist/index.js')}'
export const download = (source, given) => library.download(source, options(given))
export const stream = (source, given) => library.stream(source, options(given))
export class Client extends library.Client {
  constructor(given) {
    super(options(given))
  }
}
`

/** The output of each recipe, by its heading. */
const EXPECTED_OUTPUTS: Readonly<Record<string, RegExp>> = {
  'Save a torrent': /^$/,
  'Stream a magnet link': /^$/,
  'Many torrents': /^$/,
  'Read on demand': /^.{1000}$/s,
  'Serve files over HTTP': /^200\n$/,
  'Store bytes elsewhere': /^300000\n$/,
  'A stage of your own': /^[0-9a-f]{64}\n$/,
  'Upload in parts, as to S3': /^\[ 300000 \]\n$/,
  'Tests on memfs': /^content\n$/,
}

t.test('every recipe of docs/api.md runs', async t => {
  const page = readFileSync(join(PROJECT_DIRECTORY, 'docs/api.md'), 'utf8')
  const recipes = page.split(/^## /m).flatMap(section => {
    const code = /^```js\n(.*?)^```/ms.exec(section)?.[1]
    return code === undefined ? [] : [{ heading: section.slice(0, section.indexOf('\n')), code }]
  })
  t.strictSame(
    recipes.map(({ heading }) => heading),
    Object.keys(EXPECTED_OUTPUTS),
  )
  const content = await offer(t)
  const folder = t.testdirName
  mkdirSync(join(folder, 'node_modules/tsdl'), { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{}') // otherwise `tsdl` would resolve to the package that contains this folder
  writeFileSync(join(folder, 'node_modules/tsdl/index.js'), SHIM_SCRIPT)
  writeFileSync(
    join(folder, 'node_modules/tsdl/package.json'),
    JSON.stringify({ type: 'module', exports: { '.': './index.js', './server': './server.js' } }),
  )
  writeFileSync(
    join(folder, 'node_modules/tsdl/server.js'),
    `export * from '${join(PROJECT_DIRECTORY, 'dist/server/index.js')}'`,
  )
  symlinkSync(join(PROJECT_DIRECTORY, 'node_modules/memfs'), join(folder, 'node_modules/memfs'))
  cpSync(content.path, join(folder, 'x.torrent'))
  const empty = await create({ name: 'empty', files: [{ path: [], length: 0, read: async function* () {} }] })
  writeFileSync(join(folder, 'y.torrent'), empty.torrent)
  const link = `magnet:?xt=urn:btih:${content.metainfo.infoHash.toString('hex')}&x.pe=${content.peer}`
  for (const { heading, code } of recipes) {
    const program = join(folder, `${heading.replace(/\W+/g, '-')}.mjs`)
    writeFileSync(program, code)
    const ran = await tsdl([link], { program, cwd: folder })
    t.equal(ran.code, 0, `${heading} ${ran.stderr}`)
    t.notMatch(ran.stderr, /DHT/, 'it stays on this machine')
    t.match(ran.stdout.toString('latin1'), EXPECTED_OUTPUTS[heading]!, heading)
  }
  t.ok(readFileSync(join(folder, 'out')).equals(content.bytes))
  t.ok(readFileSync(join(folder, 'downloads/content.bin')).equals(content.bytes))
})
