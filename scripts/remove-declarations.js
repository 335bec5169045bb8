/** Removes the declarations in `dist` that no entry of the package refers to, and directories that are empty then. */
import { readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'

const reachable = findReachable()
const paths = readdirSync('dist', { recursive: true, encoding: 'utf8' }).map(name => join('dist', name))
for (const path of paths) if (path.endsWith('.d.ts') && !reachable.has(path)) rmSync(path)
removeEmpty('dist')

function findReachable() {
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

function removeEmpty(directory) {
  for (const entry of readdirSync(directory, { withFileTypes: true }))
    if (entry.isDirectory()) removeEmpty(join(directory, entry.name))
  if (readdirSync(directory).length === 0) rmdirSync(directory)
}
