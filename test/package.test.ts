import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path/posix'
import { gzipSync } from 'node:zlib'
import t from 'tap'
import { inProject, PROJECT_DIRECTORY } from './helpers/project.ts'

interface LockEntry {
  readonly dependencies?: Record<string, string>
  readonly optionalDependencies?: Record<string, string>
}

/** The page, which runs in a browser, compressed. */
const MAX_PAGE_BYTES = 100_000
/** The whole tarball, with the page. */
const MAX_PACKAGE_BYTES = 500_000

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
    cwd: PROJECT_DIRECTORY,
    encoding: 'utf8',
  })
  const [{ size, files }] = JSON.parse(output) as [{ size: number; files: { path: string }[] }]
  const paths = files.map(({ path }) => path)
  t.ok(size <= MAX_PACKAGE_BYTES, `${size} bytes, at most ${MAX_PACKAGE_BYTES}`)
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

t.test('the Containerfile copies the tarball, and starts a command with options that it has', t => {
  const lines = read('docs/daemon/Containerfile').replaceAll('\\\n', ' ').split('\n')
  const argumentsOf = (name: string) =>
    lines.filter(line => line.startsWith(`${name} `)).map(line => line.slice(name.length + 1))
  const [entry, command] = ['ENTRYPOINT', 'CMD'].map(name => JSON.parse(argumentsOf(name)[0]!)) as string[][]
  const [program] = entry!
  const { bin, engines } = JSON.parse(read('package.json'))
  t.ok(bin[program!], `the package has the program ${program}`)
  const help = execFileSync(process.execPath, [inProject(bin[program!]), command![0]!, '--help'], {
    encoding: 'utf8',
  })
  for (const option of command!.filter(word => word.startsWith('--'))) t.match(help, `${option} <`, option)
  const [image] = argumentsOf('ARG').filter(line => line.startsWith('NODE_IMAGE='))
  t.ok(
    Number(/node:(\d+)/.exec(image!)![1]) >= Number(/\d+/.exec(engines.node)![0]),
    'a Node that it runs on',
  )
  t.match(argumentsOf('COPY'), [/TARBALL.* \/tmp\/tsdl\.tgz$/])
  t.match(argumentsOf('RUN')[0], /--ignore-scripts \/tmp\/tsdl\.tgz/)
  const volumes = JSON.parse(argumentsOf('VOLUME')[0]!) as string[]
  for (const path of command!.filter(word => word.startsWith('/')))
    t.ok(
      volumes.some(volume => path.startsWith(volume)),
      `${path} is on a volume`,
    )
  t.end()
})

t.test('systemd accepts the units', t => {
  const analyze = '/usr/bin/systemd-analyze'
  if (!existsSync(analyze)) return t.end()
  const directory = t.testdir()
  const units = ['tsdl.service', 'tsdl.socket'].map(name => {
    const path = join(directory, name)
    // the package is not installed on the test machine
    writeFileSync(
      path,
      read(`docs/daemon/${name}`).replace('ExecStart=tsdl', `ExecStart=${process.execPath}`),
    )
    return path
  })
  const { stderr, stdout } = spawnSync(analyze, ['verify', ...units], { encoding: 'utf8' })
  t.notMatch(stdout + stderr, directory, 'it says nothing of the units')
  t.end()
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

/** Returns true if Node finds `name` from `path`: in its node_modules, or in those of a parent folder. */
function isLocked(packages: Record<string, LockEntry>, path: string, name: string): boolean {
  for (let folder = path; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/node_modules/')))) {
    if (packages[`${folder && `${folder}/`}node_modules/${name}`]) return true
    if (folder === '') return false
  }
}

/** Returns the relative links of a page, as paths from the root of the package. */
function linksOf(page: string): string[] {
  return [...read(page).matchAll(/\]\((?!\w+:|#)([^)#\s]+)/g)].map(([, target]) =>
    normalize(join(dirname(page), target!)),
  )
}

function isPacked(paths: readonly string[], target: string): boolean {
  return paths.some(path => path === target || path.startsWith(`${target.replace(/\/$/, '')}/`))
}
