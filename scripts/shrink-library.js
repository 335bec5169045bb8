/** Minifies the library's modules, which the package holds beside the command line's bundle; functions keep their names. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { minifySync } from 'rolldown/utils'

for (const name of readdirSync('dist', { recursive: true, encoding: 'utf8' })) {
  if (!name.endsWith('.js')) continue
  const path = join('dist', name)
  const { code, errors } = minifySync(path, readFileSync(path, 'utf8'), {
    module: true,
    compress: { keepNames: { function: true, class: true } },
    mangle: { keepNames: { function: true, class: true } },
  })
  if (errors.length > 0) throw new Error(`${path}: ${errors[0].message}`)
  writeFileSync(path, code)
}
