import { readFileSync } from 'node:fs'
import { defineConfig } from 'rolldown'
import { styles } from './scripts/styles.js'

const { exports } = JSON.parse(readFileSync('package.json', 'utf8'))
/** The entries of the library, `index` and `streams/index` and so on: from the package's exports. */
const library = Object.values(exports)
  .flatMap(({ default: file }) => file ?? [])
  .map(file => file.replace(/^\.\/dist\/(.*)\.js$/, '$1'))

/** The page in the browser: one script and one style sheet, which `src/server/page/page-assets.ts` serves. */
const page = defineConfig({
  input: { page: 'src/page/main.tsx' },
  platform: 'browser',
  tsconfig: 'src/page/tsconfig.json',
  plugins: [styles('page.css')],
  output: { dir: 'dist/page', entryFileNames: '[name].js', minify: true, codeSplitting: false },
  logLevel: 'warn',
})

// The command line and the library in a few files that they share: Node takes a millisecond for every module, and there are
// hundreds. Functions keep their names, so that a stack trace says something.
const node = defineConfig({
  input: {
    cli: 'src/cli.ts',
    ...Object.fromEntries(library.map(entry => [entry, `src/${entry}.ts`])),
    // A worker is started as the file beside the chunk that holds its owner.
    'chunks/file-worker': 'src/storage/file-worker.ts',
    'chunks/hash-worker': 'src/hashing/hash-worker.ts',
    'chunks/pipe-worker': 'src/cli/destinations/pipe-worker.ts',
  },
  platform: 'node',
  output: {
    dir: 'dist',
    chunkFileNames: 'chunks/[name].js',
    // `tsdl --version` loads no more than it has to.
    codeSplitting: { groups: [{ name: 'version', test: /src.version\.ts$/ }] },
    minify: {
      compress: { keepNames: { function: true, class: true } },
      mangle: { keepNames: { function: true, class: true } },
      codegen: true,
    },
  },
  logLevel: 'warn',
})

export default [node, page]
