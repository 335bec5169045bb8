/**
 * Loader hooks that erase the types of a TypeScript file. The compiler checks types: `npm run types`. The result is
 * kept in node_modules/.cache by the hash of the file's text, because hundreds of processes load the same files.
 */
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const cache = fileURLToPath(new URL('../../../node_modules/.cache/erased-types/', import.meta.url))
mkdirSync(cache, { recursive: true })

async function eraseTypes(path, text) {
  const { transformSync } = await import('rolldown/utils')
  const { code, map, errors } = transformSync(path, text, { sourcemap: true })
  if (errors.length > 0) throw new SyntaxError(`${path}: ${errors[0].message}`)
  const inline = Buffer.from(JSON.stringify(map)).toString('base64')
  return `${code}\n//# sourceMappingURL=data:application/json;base64,${inline}`
}

function readCached(file) {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (error.code === 'ENOENT') return undefined
    throw error
  }
}

export async function load(url, context, nextLoad) {
  if (!url.startsWith('file:') || !url.endsWith('.ts')) return nextLoad(url, context)
  const path = fileURLToPath(url)
  const text = readFileSync(path, 'utf8')
  const file = `${cache}${createHash('sha1').update(path).update('\0').update(text).digest('hex')}.js`
  let source = readCached(file)
  if (source === undefined) {
    source = await eraseTypes(path, text)
    // Renamed into place, since other processes may read it at any time.
    const unfinished = `${file}.${process.pid}`
    writeFileSync(unfinished, source)
    renameSync(unfinished, file)
  }
  return { format: 'module', shortCircuit: true, source }
}
