/** Collects the style sheets that modules import into one file, without comments and needless space. */
import { readFileSync } from 'node:fs'

/** A plugin of rolldown. @param {string} fileName the name of the file in the output */
export function styles(fileName) {
  const sheets = new Map()
  return {
    name: 'styles',
    load: {
      filter: { id: /\.css$/ },
      handler(id) {
        sheets.set(id, readFileSync(id, 'utf8'))
        return { code: 'export {}', moduleType: 'js', moduleSideEffects: false }
      },
    },
    generateBundle() {
      const sorted = [...sheets.keys()].sort().map(id => sheets.get(id))
      this.emitFile({ type: 'asset', fileName, source: minify(sorted.join('\n')) })
    },
  }
}

function minify(css) {
  return css
    .replace(/\/\*[^]*?\*\//g, '')
    .replace(/\s+/g, ' ')
    .replace(/ ?([{};,]) ?/g, '$1')
    .replace(/: /g, ':')
    .replace(/;}/g, '}')
    .trim()
}
