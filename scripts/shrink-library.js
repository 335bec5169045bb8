/**
 * Minifies the library's modules, which the package holds beside the command line's bundle; functions keep their names.
 * Then it removes the declarations that no entry of the package refers to.
 */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { minifySync } from 'rolldown/utils'

const paths = readdirSync('dist', { recursive: true, encoding: 'utf8' }).map(name => join('dist', name))

for (const path of paths.filter(path => path.endsWith('.js'))) {
  const { code, errors } = minifySync(path, readFileSync(path, 'utf8'), {
    module: true,
    compress: { keepNames: { function: true, class: true } },
    mangle: { keepNames: { function: true, class: true } },
  })
  if (errors.length > 0) throw new Error(`${path}: ${errors[0].message}`)
  writeFileSync(path, code)
}

const reachable = findReachableDeclarations()
for (const path of paths) if (path.endsWith('.d.ts') && !reachable.has(path)) rmSync(path)

function findReachableDeclarations() {
  const { exports } = JSON.parse(readFileSync('package.json', 'utf8'))
  const found = new Set()
  const waiting = Object.values(exports).flatMap(({ types }) => (types ? [normalize(types)] : []))
  for (let path = waiting.pop(); path; path = waiting.pop()) {
    if (found.has(path)) continue
    found.add(path)
    for (const [, name] of readFileSync(path, 'utf8').matchAll(/["'](\.\.?\/[^"']+)\.[jt]s["']/g))
      waiting.push(join(dirname(path), `${name}.d.ts`))
  }
  return found
}
