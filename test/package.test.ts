import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path/posix'
import { gzipSync } from 'node:zlib'
import t from 'tap'
import { inProject, PROJECT } from './helpers/project.ts'

interface LockEntry {
  readonly dependencies?: Record<string, string>
  readonly optionalDependencies?: Record<string, string>
}

/** The page, which runs in a browser, compressed. */
const MAX_PAGE_BYTES = 100_000
const MAX_TARBALL_BYTES = 500_000 + MAX_PAGE_BYTES

const read = (path: string) => readFileSync(inProject(path), 'utf8')

t.test('the lock file has every dependency of every platform', async t => {
  const { packages } = JSON.parse(read('package-lock.json')) as { packages: Record<string, LockEntry> }
  const missing = Object.entries(packages).flatMap(([path, { dependencies, optionalDependencies }]) =>
    Object.keys({ ...dependencies, ...optionalDependencies })
      .filter(name => !isLocked(packages, path, name))
      .map(name => `${path || 'tsdl'} needs ${name}`),
  )
  t.strictSame(missing, [])
})

t.test('the tarball is small, and every link in its documents leads to a file in it', async t => {
  const output = execFileSync('npm', ['pack', '--dry-run', '--ignore-scripts', '--json'], {
    cwd: PROJECT,
    encoding: 'utf8',
  })
  const [{ size, files }] = JSON.parse(output) as [{ size: number; files: { path: string }[] }]
  t.ok(size <= MAX_TARBALL_BYTES, `${size} bytes, at most ${MAX_TARBALL_BYTES}`)
  const paths = files.map(({ path }) => path)
  t.strictSame(
    paths.filter(path => path.endsWith('.map')),
    [],
    'no source maps',
  )
  const dead = paths
    .filter(path => path.endsWith('.md'))
    .flatMap(page =>
      linksOf(page)
        .filter(target => !isPacked(paths, target))
        .map(target => `${page}: ${target}`),
    )
  t.strictSame(dead, [])
})

t.test('the page is small, and refers to nothing but itself', async t => {
  const files = readdirSync(inProject('dist/page'))
  t.strictSame(files.toSorted(), ['page.css', 'page.js'])
  const sizes = files.map(name => gzipSync(read(`dist/page/${name}`), { level: 9 }).length)
  const size = sizes.reduce((sum, one) => sum + one, 0)
  t.ok(size <= MAX_PAGE_BYTES, `${size} bytes, at most ${MAX_PAGE_BYTES}`)
  for (const name of files) t.notMatch(read(`dist/page/${name}`), /url\((?!["']?data:)|@import|import\(/)
})

t.test('every worker is a file beside the one that starts it', async t => {
  const missing = readdirSync(inProject('dist'), { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.js'))
    .flatMap(name => {
      const started = [...read(`dist/${name}`).matchAll(/`\.\/([\w-]+)\$\{[^}]*import\.meta\.url\)\}`/g)]
      return started.map(([, worker]) => join('dist', dirname(name), `${worker}.js`))
    })
    .filter(path => !existsSync(inProject(path)))
  t.strictSame(missing, [])
})

/** True if Node would find `name` from `path`: in its own node_modules, or in those of a folder above. */
function isLocked(packages: Record<string, LockEntry>, path: string, name: string): boolean {
  for (let folder = path; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/node_modules/')))) {
    if (packages[`${folder && `${folder}/`}node_modules/${name}`]) return true
    if (folder === '') return false
  }
}

/** The relative links of a page, as paths from the package's root. */
function linksOf(page: string): string[] {
  return [...read(page).matchAll(/\]\((?!\w+:|#)([^)#\s]+)/g)].map(([, target]) =>
    normalize(join(dirname(page), target!)),
  )
}

function isPacked(paths: readonly string[], target: string): boolean {
  return paths.some(path => path === target || path.startsWith(`${target.replace(/\/$/, '')}/`))
}
