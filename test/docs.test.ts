import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import { VERSION } from '../src/version.ts'
import { tsdl } from './helpers/cli.ts'
import { inProject } from './helpers/project.ts'

const read = (path: string) => readFileSync(inProject(path), 'utf8')
const all = (text: string, pattern: RegExp) => [...new Set(text.match(pattern))].sort()
const DOC_PAGES = [
  ...['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'SECURITY.md'],
  ...readdirSync(inProject('docs'), { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.md'))
    .map(name => `docs/${name}`),
]

/** Returns the anchors that GitHub gives the headings of a page. */
const anchorsOf = (text: string) =>
  [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  )

t.test('package.json and the sources have the same version', async t => {
  t.equal(VERSION, JSON.parse(read('package.json')).version)
  t.match(read('CHANGELOG.md'), new RegExp(`^## .*${VERSION.replaceAll('.', '\\.')}`, 'm'))
})

t.test('every error code is explained, and no other', async t => {
  const codes = all(read('src/errors.ts'), /(?<=\| ')ERR_\w+(?=')/g)
  t.ok(codes.length > 10)
  const explained = all(read('docs/errors.md'), /(?<=^\| `)ERR_\w+(?=`)/gm)
  t.strictSame(explained, codes)
})

t.test('docs/cli.md has every option of the command line, and no other', async t => {
  const help = await Promise.all(
    [
      [],
      ['get'],
      ['seed'],
      ['serve'],
      ['daemon'],
      ['info'],
      ['verify'],
      ['create'],
      ['edit'],
      ['why'],
      ['demo'],
      ['config'],
      ['completion'],
    ].map(args => tsdl([...args, '--help'])),
  )
  const inHelp = all(help.map(({ stdout }) => stdout).join('\n'), /(?<=^ {2}(-\w, )?)--[a-z\d-]+/gm)
  t.ok(inHelp.length > 20)
  t.strictSame(all(read('docs/cli.md'), /(?<=`|\[)--[a-z\d-]+/g), inHelp)
})

t.test('the tests that docs/bep-52.md names exist', async t => {
  const rows = [...read('docs/bep-52.md').matchAll(/`(test\/[\w./-]+)` \| (.*) \|$/gm)]
  t.ok(rows.length > 60)
  const missing = rows.filter(([, file, title]) => !read(file!).includes(title!)).map(([row]) => row)
  t.strictSame(missing, [])
})

t.test('files, constants and links in the pages exist', async t => {
  for (const page of DOC_PAGES) {
    const text = read(page)
    for (const path of all(text, /(?<=`)(?:src|test)\/[\w/.-]+\.ts(?=`)/g))
      t.ok(existsSync(inProject(path)), `${page}: ${path}`)
    for (const link of all(text, /(?<=\]\()[^)#:]+(?=\))/g))
      t.ok(existsSync(inProject(join(dirname(page), link))), `${page}: ${link}`)
  }
  for (const page of DOC_PAGES)
    for (const [, path, anchor] of read(page).matchAll(/\]\(([\w/.-]*\.md|)#([^)\s]+)\)/g)) {
      const target = path ? join(dirname(page), path) : page
      t.ok(anchorsOf(read(target)).includes(anchor!), `${page}: ${path}#${anchor}`)
    }
  for (const [, path, name] of read('docs/limits.md').matchAll(/`(src\/[\w/.-]+)` `([A-Z_]+)`/g))
    t.match(read(path!), `const ${name} = `, `${path} ${name}`)
})

/** Classes of Node that docs/architecture.md names. */
const NODE_CLASSES = new Set(['BlockList', 'EventEmitter'])

t.test('classes and functions in docs/architecture.md exist', async t => {
  const files = readdirSync(inProject('src'), { recursive: true, encoding: 'utf8' })
  const code = files
    .filter(name => name.endsWith('.ts'))
    .map(name => read(`src/${name}`))
    .join('\n')
  const declared = new Set(code.match(/(?<=\b(?:class|const|function|interface|type) )\w+/g))
  const named = all(read('docs/architecture.md'), /(?<=`)[A-Z][a-z]+[A-Za-z]*(?=[`.])/g).filter(
    name => !NODE_CLASSES.has(name),
  )
  t.ok(named.length > 50)
  t.strictSame(
    named.filter(name => !declared.has(name)),
    [],
  )
})

t.test('the programs in the README import what the library exports', async t => {
  const { stream } = await import('../src/index.ts')
  t.match(read('README.md'), "import { stream } from 'tsdl'")
  t.type(stream, 'function')
})
